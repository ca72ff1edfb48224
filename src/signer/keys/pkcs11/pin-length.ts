/** Longest PIN that is passed on, bytes; PKCS#11 itself sets no limit, cards do (usually 8 or 12). */
export const longestPin = 255;
