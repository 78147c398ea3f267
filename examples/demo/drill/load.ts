/**
 * The load generator of the drill, a process of its own: `load.ts <url> <shoppers>`. Shoppers shop until the parent says `settle`; then each
 * looks at all its carts again. Tells the parent its report every second, and at the end.
 */
import { newReport } from "./report.ts";
import { Shopper } from "./shopper.ts";

const [url = "", count = "1"] = process.argv.slice(2);
const report = newReport();
const shoppers = Array.from({ length: Number(count) }, (_, index) => new Shopper(url, String(index), report));
let isOver = false;

const telling = setInterval(() => process.send?.({ kind: "progress", report }), 1_000);
process.on("message", () => (isOver = true));
console.log(`Load listening on ${url}`);
await Promise.all(shoppers.map((shopper) => shopper.shop(() => isOver)));
process.send?.({ kind: "shopped", report });
await Promise.all(shoppers.map((shopper) => shopper.settle()));
clearInterval(telling);
process.send?.({ kind: "done", report });
