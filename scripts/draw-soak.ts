/**
 * `node --import tsx scripts/draw-soak.ts <soak file> [<picture>]`: draws what a soak did into docs/soak.svg. The soak file has one JSON object a line:
 * the last line of each `npm run sim`, `light`, `model`, `fuzz` and `chaos` that belongs to it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { soakFigures, soakPicture } from "./soak-picture.ts";

const [source, picture = "docs/soak.svg"] = process.argv.slice(2);
if (source === undefined) {
  process.stderr.write("Name the soak file: node --import tsx scripts/draw-soak.ts <soak file> [<picture>]\n");
  process.exit(2);
}
writeFileSync(picture, soakPicture(soakFigures(readFileSync(source, "utf8"))));
