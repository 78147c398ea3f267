/** The session of every benchmark: ten attributes, about 1 KB as JSON, nested as applications nest. */
export function sessionFixture(): Record<string, unknown> {
  return {
    user: { id: 48_213, name: "Ann Example", email: "ann@example.org", roles: ["customer", "reviewer"] },
    cart: {
      currency: "EUR",
      lines: [
        { sku: "lamp-brass-20", quantity: 1, priceCents: 4_900 },
        { sku: "chair-oak-04", quantity: 4, priceCents: 12_900 },
      ],
    },
    csrfToken: "c7J2mXq1T0v9dKf3Lw8sZb5nRy6hPa4eUoGiVtEjHkQ",
    theme: "dark",
    locale: "de-DE",
    returnTo: "/catalogue/lighting/table-lamps?sort=price&page=3",
    visits: 17,
    lastSearch: "brass table lamp with a linen shade",
    consent: { necessary: true, statistics: false, marketing: false, atMs: 1_790_000_000_000 },
    notes: "x".repeat(360),
  };
}

/** A session as most sites have it: 0.4 KB as JSON, `index` makes each its own. */
export function smallFixture(index: number): Record<string, unknown> {
  return {
    userId: 1_000_000 + index,
    csrfToken: `c7J2mXq1T0v9dKf3Lw8sZb5nRy6hPa4eUoGiVtEj${index}`,
    locale: "de-DE",
    theme: index % 2 === 0 ? "dark" : "light",
    cart: { currency: "EUR", lines: [{ sku: `lamp-brass-${index % 1_000}`, quantity: 1 + (index % 4), priceCents: 4_900 }] },
    returnTo: `/catalogue/lighting/table-lamps?sort=price&page=${index % 90}`,
    consent: { necessary: true, statistics: false, atMs: 1_790_000_000_000 + index },
    lastSearch: "brass table lamp with a linen shade",
  };
}

/** A session that somebody keeps far too much in: 69 attributes of 1 KB each as JSON. */
export function largeFixture(): Record<string, unknown> {
  const page = { title: "x".repeat(920), visits: 3, tags: ["lamp", "brass"], seen: { first: 1_790_000_000_000, last: 1_790_000_360_000 } };
  return Object.fromEntries(Array.from({ length: 69 }, (_, index) => [`page${index}`, { ...page, index }]));
}
