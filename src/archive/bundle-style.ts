/** For screens of any width, light and dark, and for paper. */
export const bundleStyle = `
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--soft:#555;--line:#bbb;--good:#15703a;--bad:#b01c1c;--open:#7a5600;--bar:#4a7bab}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#16181b;--soft:#a8adb3;--line:#4a4f55;--good:#5fce8c;--bad:#ff8a80;--open:#e3b341;--bar:#7fb2e5}}
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:var(--ink);background:var(--paper)}main{max-width:54em;margin:2em auto;padding:0 1em}
h1{font-size:1.6em;line-height:1.25}h2{font-size:1.2em;margin:2em 0 .5em}h3{font-size:1em;margin:1.5em 0 .3em}h1,h3,dd,li{overflow-wrap:anywhere}
small{color:var(--soft);font-weight:normal}code{font:12px/1.45 ui-monospace,monospace;overflow-wrap:anywhere}
.banner{background:#b45309;color:#fff;padding:.6em 1em;font-weight:bold}
#verdict{font-size:1.15em;font-weight:bold;border:2px solid;border-radius:.4em;padding:.7em 1em;overflow-wrap:anywhere}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}
dl{display:grid;grid-template-columns:max-content auto;gap:.3em 1.5em}dt{color:var(--soft)}dd{margin:0}
ul,ol{list-style:none;padding:0;margin:.5em 0}.objects small{display:block}.objects li{margin-bottom:.8em}
.drop{display:block;border:2px dashed var(--line);border-radius:.4em;padding:1em;cursor:pointer}.drop input{display:block;margin-top:.7em;max-width:100%;font:inherit}
.drop:focus-within{border-color:var(--bar)}
.times li{margin:.6em 0}.times svg{display:block;margin-top:.2em}.axis{fill:var(--line)}.proven{fill:var(--bar)}.claimed{fill:var(--open)}
.way{border-left:2px solid var(--line);margin-left:.5em;padding-left:1em}.way li{margin:.45em 0;break-inside:avoid}.way code{display:block}
.way code.other{color:var(--soft);display:inline}.way span{font-weight:bold}
@media (max-width:600px){dl{display:block}dd{margin-bottom:.5em}h1{font-size:1.3em}}
@media print{:root{--ink:#000;--paper:#fff;--soft:#444;--line:#999;--good:#15703a;--bad:#b01c1c;--open:#7a5600;--bar:#4a7bab}body{font-size:11px}main{margin:0;max-width:none;padding:0}
code{font-size:9px}.drop,#compared{display:none}.banner,svg{print-color-adjust:exact}h2,h3{break-after:avoid}}
`;
