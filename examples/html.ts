/** A page; `body` is HTML already. */
export function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>body{font:16px/1.5 system-ui;max-width:40rem;margin:2rem auto;padding:0 1rem}input,button{font:inherit;padding:.3rem .6rem}
.note{background:#eef6ee;padding:.5rem 1rem}</style><h1>${escape(title)}</h1>${body}</html>`;
}

/** Text as HTML. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
