const longest = 2 ** 31 - 1;

/**
 * Keeps the process alive until the answer is called: while a command closes threads that do not keep it alive themselves, Node would otherwise end
 * it in the middle (exit status 13).
 */
export function keepAlive(): () => void {
  const timer = setInterval(() => undefined, longest);
  return () => {
    clearInterval(timer);
  };
}
