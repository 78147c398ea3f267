/** Each way to take one of each of `options`, in order. */
export function* everyChoice(options: readonly (readonly number[])[]): Iterable<readonly number[]> {
  const [first, ...rest] = options;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const choice of first) for (const others of everyChoice(rest)) yield [choice, ...others];
}
