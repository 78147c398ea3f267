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
