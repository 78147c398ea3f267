import { describe, expect, test } from "vitest";
import { cookieValues } from "./cookie-header.ts";

describe("cookieValues", () => {
  test.each([
    ["sid=a", ["a"]],
    ["other=x; sid=a; more=y", ["a"]],
    ["sid=a;sid=b", ["a", "b"]],
    [" \tsid \t=\t a \t", ["a"]],
    ["sid=a=b", ["a=b"]],
    ["sid=", [""]],
    ["xsid=a; sidx=b; SID=c", []],
    ["sid; sid=a", ["a"]],
    ["; ;=; =x; sid=a;", ["a"]],
    ["other=sid=a", []],
    ["\u00a0sid=a", []],
    ["\ufeffsid=a; sid\u00a0=b", []],
    ["", []],
  ])("[A6] finds in %j exactly %j", (header, expected) => {
    expect(cookieValues(header, "sid", 4)).toEqual(expected);
  });

  test("[A6] looks at no more than it was told", () => {
    expect(cookieValues("sid=1; sid=2; sid=3; sid=4; sid=5", "sid", 4)).toEqual(["1", "2", "3", "4"]);
  });
});
