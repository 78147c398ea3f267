/**
 * `npm run example -- login`: an Express app as it was written for express-session, with passport, connect-flash and csrf-sync. One line is
 * another: the import of `session`. Kill it with -9 and start it again: whoever was logged in still is (SESSION_FOLDER, a temporary
 * folder unless set).
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import flash from "connect-flash";
import { csrfSync } from "csrf-sync";
import express, { type RequestHandler } from "express";
import passport from "passport";
import { Strategy as LocalStrategy } from "passport-local";
import { session } from "converge-session/express";
import { lmdbStore } from "converge-session/lmdb";
import { escape, page } from "../html.ts";
import { listen } from "../listen.ts";
import { findUser, type User, verifyPassword } from "./users.ts";

const folder = process.env["SESSION_FOLDER"] ?? mkdtempSync(join(tmpdir(), "converge-session-login-"));

passport.use(
  new LocalStrategy((username, password, done) => {
    verifyPassword(username, password).then(
      (user) => done(null, user ?? false, { message: "Wrong name or password." }),
      (error: unknown) => done(error),
    );
  }),
);
passport.serializeUser((user, done) => done(null, (user as User).id));
passport.deserializeUser((id: string, done) => done(null, findUser(id) ?? false));

const { csrfSynchronisedProtection, generateToken } = csrfSync({
  getTokenFromRequest: (request) => (request.body as { token?: string } | undefined)?.token,
});

const app = express();
app.disable("x-powered-by");
const sessions = session({
  secret: process.env["SESSION_SECRET"] ?? "only for this example, at least thirty-two bytes",
  store: lmdbStore({ path: folder }),
  // A login that was answered survives the process.
  persist: "before",
  subject: (data) => (data["passport"] as { user?: string } | undefined)?.user,
});
app.use(sessions);
app.use(express.urlencoded({ extended: false }));
app.use(flash());
app.use(passport.session());
app.use(csrfSynchronisedProtection);

app.get("/", (request, response) => {
  const token = `<input type="hidden" name="token" value="${escape(generateToken(request))}">`;
  const notes = [...request.flash("error"), ...request.flash("info")].map((note) => `<p class="note">${escape(note)}</p>`).join("");
  const user = request.user as User | undefined;
  const form =
    user === undefined
      ? `<form method="post" action="/login">${token}<input name="username" placeholder="ann" autocomplete="username">
<input name="password" type="password" placeholder="wonderland" autocomplete="current-password"> <button>Log in</button></form>`
      : `<p>Hello, <b>${escape(user.name)}</b>.</p><form method="post" action="/logout">${token}<button>Log out</button></form>
<form method="post" action="/logout-everywhere">${token}<button>Log out on all devices</button></form>`;
  response.send(page("Login", notes + form));
});

// Passport gives the session a new id and nothing of the old one, so the message comes after it.
app.post("/login", passport.authenticate("local", { failureRedirect: "/", failureFlash: true }) as RequestHandler, (request, response) => {
  request.flash("info", "You are logged in.");
  response.redirect("/");
});

app.post("/logout", (request, response, next) => {
  request.logout((error) => {
    if (error !== null && error !== undefined) return next(error);
    request.flash("info", "You are logged out.");
    response.redirect("/");
  });
});

app.post("/logout-everywhere", async (request, response) => {
  const user = request.user as User | undefined;
  if (user !== undefined) await sessions.engine.revokeAll(user.id);
  response.redirect("/");
});

listen(app);
