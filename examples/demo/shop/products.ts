import { Html } from "./html.ts";

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly cents: number;
  /** Shapes in a box of 96 by 96, in the colours that page.css gives the classes a, b, c. */
  readonly drawing: Html;
}

export const PRODUCTS: readonly Product[] = [
  {
    id: "lamp",
    name: "Harbour lamp",
    cents: 8900,
    drawing: new Html(
      '<path class="b" d="M45 46h6v32h-6z"/><ellipse class="c" cx="48" cy="80" rx="21" ry="6"/>' +
        '<path class="a" d="M36 16h24l13 32H23z"/><path class="b" d="M23 48h50l1.600 4H21.400z"/>',
    ),
  },
  {
    id: "mug",
    name: "Stoneware mug",
    cents: 1800,
    drawing: new Html(
      '<path class="c" d="M64 38h6a12 12 0 0 1 0 28h-8v-7h8a5 5 0 0 0 0-14h-6z"/>' +
        '<path class="a" d="M22 28h44v38a12 12 0 0 1-12 12H34a12 12 0 0 1-12-12z"/><path class="b" d="M22 44h44v9H22z"/>',
    ),
  },
  {
    id: "chair",
    name: "Ash chair",
    cents: 24_900,
    drawing: new Html(
      '<path class="c" d="M29 58h6l-4 26h-6zM61 58h6l4 26h-6z"/><rect class="a" x="28" y="12" width="40" height="30" rx="8"/>' +
        '<path class="c" d="M33 40h5v14h-5zM58 40h5v14h-5z"/><rect class="b" x="24" y="50" width="48" height="10" rx="4"/>',
    ),
  },
  {
    id: "plant",
    name: "Desk fern",
    cents: 3200,
    drawing: new Html(
      '<path class="a" d="M48 56C30 52 22 38 24 22c16 4 24 16 24 34z"/><path class="b" d="M48 56c0-20 8-34 24-38 2 18-6 34-24 38z"/>' +
        '<path class="a" d="M48 56c-4-14-4-28 1-42 7 14 6 28-1 42z"/><path class="c" d="M30 56h36l-5 26H35z"/>',
    ),
  },
  {
    id: "notebook",
    name: "Field notebook",
    cents: 1400,
    drawing: new Html(
      '<rect class="a" x="24" y="14" width="48" height="68" rx="6"/><path class="c" d="M24 20a6 6 0 0 1 6-6h4v68h-4a6 6 0 0 1-6-6z"/>' +
        '<rect class="b" x="42" y="28" width="22" height="12" rx="2"/>',
    ),
  },
  {
    id: "speaker",
    name: "Shelf speaker",
    cents: 15_900,
    drawing: new Html(
      '<rect class="a" x="28" y="12" width="40" height="72" rx="8"/><circle class="c" cx="48" cy="60" r="15"/>' +
        '<circle class="b" cx="48" cy="60" r="7"/><circle class="c" cx="48" cy="29" r="8"/><circle class="b" cx="48" cy="29" r="3"/>',
    ),
  },
];

export function productOf(id: string): Product | undefined {
  return PRODUCTS.find((product) => product.id === id);
}

/** US dollars, as `$1,234.50`. */
export function price(cents: number): string {
  return (cents / 100).toLocaleString("en-US", { style: "currency", currency: "USD" });
}
