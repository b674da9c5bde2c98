// Two pages at a time: while one waits for what it draws, the other one is looked at.

/** Does something with everything in a list, two at a time, in the order of the list. */
export async function inPairs<T>(list: readonly T[], act: (one: T, index: number) => Promise<void>): Promise<void> {
  const rest = list.entries(); // both take from it
  const worker = async (): Promise<void> => {
    for (const [index, one] of rest) {
      await act(one, index);
    }
  };
  await Promise.all([worker(), worker()]);
}
