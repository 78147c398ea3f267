/** `npm run example -- form`: a form on Fastify that redirects, keeps what was typed wrong, and shows what came of it exactly once. */
import flash from "@fastify/flash";
import createFastify from "fastify";
import type { FastifyReply } from "fastify";
import { session } from "converge-session/fastify";
import { escape, page } from "../html.ts";
import { listen } from "../listen.ts";

interface Order {
  readonly name: string;
  readonly seats: string;
}

declare module "fastify" {
  interface Session {
    /** What was not right, to be shown in the form again. */
    typed?: Order | undefined;
  }
}

const SEATS_MAX = 8;

const app = createFastify();
await app.register(session, { secret: process.env["SESSION_SECRET"] ?? "only for this example, at least thirty-two bytes" });
await app.register(flash);
app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) => {
  done(null, Object.fromEntries(new URLSearchParams(String(body))));
});

app.get("/", (request, reply) => {
  const typed = request.session.get("typed");
  const notes = ["error", "info"].flatMap((type) => notesOf(reply, type));
  return reply.type("text/html").send(
    page(
      "Book seats",
      `${notes.map((note) => `<p class="note">${escape(note)}</p>`).join("")}<form method="post">
<input name="name" placeholder="your name" value="${escape(typed?.name ?? "")}">
<input name="seats" placeholder="seats" size="4" value="${escape(typed?.seats ?? "")}"> <button>Book</button></form>`,
    ),
  );
});

app.post("/", (request, reply) => {
  const { name = "", seats = "" } = request.body as Partial<Order>;
  const count = Number(seats);
  // Written before the redirect goes out: the next page cannot come too early for it.
  if (name.trim() !== "" && Number.isInteger(count) && count >= 1 && count <= SEATS_MAX) {
    request.session.set("typed", undefined);
    request.flash("info", `${count} booked, ${name.trim()}.`);
  } else {
    request.session.set("typed", { name, seats });
    request.flash("error", `Please write a name, and 1 to ${SEATS_MAX} seats.`);
  }
  return reply.redirect("/", 303);
});

function notesOf(reply: FastifyReply, type: string): string[] {
  return (reply.flash(type) as string[] | undefined) ?? [];
}

await app.ready();
listen((request, response) => app.routing(request, response));
