import { page } from "../html.ts";

export const CHAT_PAGE = page(
  "Chat",
  `<p>You are <b id="name"></b>. <input id="rename" placeholder="another name"> <button id="leave">Leave</button></p>
<ul id="said"></ul><form id="form"><input id="text" autocomplete="off" placeholder="say something"> <button>Send</button></form>
<script type="module">
const [name, said, text] = ["name", "said", "text"].map((id) => document.getElementById(id));
const socket = new WebSocket(location.href.replace(/^http/, "ws"));
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.type === "you") name.textContent = message.name;
  else said.append(Object.assign(document.createElement("li"), { textContent: message.name + ": " + message.text }));
};
socket.onclose = ({ reason }) => { name.textContent = "gone" + (reason ? " (" + reason + ")" : ""); };
document.getElementById("form").onsubmit = (event) => { event.preventDefault(); socket.send(text.value); text.value = ""; };
document.getElementById("rename").onchange = ({ target }) =>
  fetch("/name", { method: "POST", body: new URLSearchParams({ name: target.value }) });
document.getElementById("leave").onclick = () => fetch("/leave", { method: "POST" });
</script>`,
);
