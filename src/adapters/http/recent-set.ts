/** The texts that were added or asked for most recently: at least `count` of them, and fewer than twice as many. */
export class RecentSet {
  readonly #count: number;
  #recent = new Set<string>();
  #older = new Set<string>();

  constructor(count: number) {
    this.#count = count;
  }

  has(text: string): boolean {
    if (this.#recent.has(text)) return true;
    if (!this.#older.has(text)) return false;
    this.add(text);
    return true;
  }

  add(text: string): void {
    this.#recent.add(text);
    if (this.#recent.size < this.#count) return;
    this.#older = this.#recent;
    this.#recent = new Set();
  }

  clear(): void {
    this.#recent.clear();
    this.#older.clear();
  }
}
