/** Environment of a process in which a package is not installed. */
export function without(name: string): { readonly NODE_OPTIONS: string } {
  const hook = `import{registerHooks}from'node:module';registerHooks({resolve(s,c,n){if(s===${JSON.stringify(name)})throw new Error('not installed');return n(s,c)}})`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` };
}
