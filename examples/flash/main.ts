/** `npm run example -- flash`: a form that redirects, and shows what came of it exactly once, on whichever page comes next. */
import flash from "connect-flash";
import express from "express";
import { session } from "converge-session/express";
import { escape, page } from "../html.ts";
import { listen } from "../listen.ts";

const app = express();
app.disable("x-powered-by");
app.use(session({ secret: process.env["SESSION_SECRET"] ?? "only for this example, at least thirty-two bytes" }));
app.use(flash());
app.use(express.urlencoded({ extended: false }));

app.get("/", (request, response) => {
  const notes = request.flash("info").map((note) => `<p class="note">${escape(note)}</p>`);
  response.send(
    page("Guest book", `${notes.join("")}<form method="post"><input name="name" placeholder="your name"> <button>Sign</button></form>`),
  );
});

app.post("/", (request, response) => {
  const { name = "" } = (request.body ?? {}) as { name?: string };
  // Written before the redirect goes out: the next page cannot come too early for it.
  request.flash("info", name.trim() === "" ? "Please write a name." : `Thank you, ${name.trim()}.`);
  response.redirect("/");
});

listen(app);
