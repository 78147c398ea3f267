import { page } from "../html.ts";

export const PAGE = page(
  "Chat by socket.io",
  `<p>You are <b id="name"></b>. <input id="rename" placeholder="another name"> <button id="leave">Leave</button></p>
<ul id="said"></ul><form id="form"><input id="text" autocomplete="off" placeholder="say something"> <button>Send</button></form>
<script src="/socket.io/socket.io.js"></script>
<script>
const [name, said, text] = ["name", "said", "text"].map((id) => document.getElementById(id));
const socket = io();
socket.on("you", (now) => { name.textContent = now; });
socket.on("said", (who, what) => said.append(Object.assign(document.createElement("li"), { textContent: who + ": " + what })));
socket.on("disconnect", (reason) => { name.textContent = "gone (" + reason + ")"; });
document.getElementById("form").onsubmit = (event) => { event.preventDefault(); socket.emit("say", text.value); text.value = ""; };
document.getElementById("rename").onchange = ({ target }) => fetch("/name?name=" + encodeURIComponent(target.value), { method: "POST" });
document.getElementById("leave").onclick = () => fetch("/leave", { method: "POST" });
</script>`,
);
