import { describe, expect, test } from "vitest";
import { Notices } from "./notices.ts";
import type { NoticeCode } from "./notices.ts";

describe("notices", () => {
  test("[A2] a listener hears of the configuration once, and of every request", () => {
    const codes: NoticeCode[] = [];
    const notices = new Notices(({ code }) => codes.push(code));
    for (const code of ["cookie-withheld", "cookie-withheld", "late-session", "late-session"] as const) notices.notify(code, "…");
    expect(codes).toEqual(["cookie-withheld", "late-session", "late-session"]);
  });

  test("[A2] without a listener each code is one process warning", async () => {
    const warnings: string[] = [];
    const listener = (warning: Error & { code?: string }): void => {
      if (warning.name === "SessionWarning") warnings.push(warning.code ?? "");
    };
    process.on("warning", listener);
    const notices = new Notices();
    for (const code of ["late-session", "late-session", "cookie-withheld"] as const) notices.notify(code, "…");
    await expect.poll(() => warnings).toEqual(["late-session", "cookie-withheld"]);
    process.off("warning", listener);
  });
});
