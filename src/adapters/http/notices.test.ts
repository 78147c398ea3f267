import { describe, expect, test } from "vitest";
import { KeyRing } from "./key-ring.ts";
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

describe("KeyRing", () => {
  const notices = new Notices(() => undefined);

  test("[A5] the first signs, all verify, and bytes are as good as text", () => {
    const old = new KeyRing("an old secret of thirty-two bytes at the least", notices);
    const next = new KeyRing([Buffer.alloc(32, 7), "an old secret of thirty-two bytes at the least"], notices);
    expect(next.verify(old.sign("text"))).toBe("text");
    expect(old.verify(next.sign("text"))).toBeUndefined();
    expect(next.verify("text.")).toBeUndefined();
    expect(next.verify("")).toBeUndefined();
  });

  test.each([[undefined], [""], [[]], [["good enough for a test of the other one", ""]], [new Uint8Array()]])(
    "[A18] refuses %j",
    (secret) => {
      expect(() => new KeyRing(secret, notices)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    },
  );
});
