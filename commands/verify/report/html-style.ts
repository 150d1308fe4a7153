/** The page's style sheet. */
export const style = `
:root{--page:#f5f6f8;--card:#fff;--ink:#171b24;--soft:#5b6475;--line:#dfe3ea;--good:#12805c;--good-soft:#d8f0e5;--bad:#c2273a;--bad-soft:#fbe1e4;--warn:#8a5a00;--warn-soft:#fdeecb;--warm:#e8a33d;--glow:#0f9b6c}
@media (prefers-color-scheme:dark){:root{--page:#0f131a;--card:#171d27;--ink:#e8ecf3;--soft:#9aa5b8;--line:#2a3342;--good:#4cd6a0;--good-soft:#12392c;--bad:#ff7d8b;--bad-soft:#46202a;--warn:#f3c264;--warn-soft:#40321a;--warm:#c98a2b;--glow:#38c792}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
header,main,footer{max-width:1160px;margin:0 auto;padding:0 20px}
header{padding-top:36px;padding-bottom:20px}
.eyebrow{margin:0;color:var(--soft);font-size:.8rem;letter-spacing:.09em;text-transform:uppercase}
h1{margin:.1em 0;font-size:clamp(2rem,6vw,3.2rem);line-height:1.15;letter-spacing:-.02em;display:flex;flex-wrap:wrap;gap:.1em .4em;align-items:center}
.state{font-size:.42em;letter-spacing:0;padding:.3em .9em;border-radius:99px;font-weight:650;white-space:nowrap}
.healthy .state{background:var(--good-soft);color:var(--good)}.unhealthy .state{background:var(--bad-soft);color:var(--bad)}.unknown .state{background:var(--warn-soft);color:var(--warn)}
.lead{margin:.2em 0 1.1em;color:var(--soft);font-size:1.1rem;max-width:46em}
.numbers{display:grid;grid-template-columns:repeat(4,1fr);gap:14px;margin:0}
.numbers div{border-top:2px solid var(--line);padding-top:8px}
.numbers dt{color:var(--soft);font-size:.85rem}.numbers dd{margin:0;font-size:1.7rem;font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.numbers small{font-size:.55em;font-weight:450;color:var(--soft)}
main{display:grid;grid-template-columns:repeat(6,minmax(0,1fr));gap:18px}
main>section{grid-column:span 3}main>.checks{grid-row:span 2}main>.wide{grid-column:1/-1}
.card{background:var(--card);border:1px solid var(--line);border-radius:16px;padding:18px 20px;min-width:0}
h2{font-size:1.05rem;margin:0 0 .2em}h2.quiet{margin:.2em 0 .6em}
.card>p{margin:0 0 .8em;color:var(--soft);font-size:.9rem}
svg{display:block;width:100%;height:auto;max-height:520px}
line{stroke-width:5;stroke-linecap:round}line.good{stroke:var(--glow)}line.bad{stroke:var(--bad);stroke-dasharray:3 13}line.off{stroke:var(--line);stroke-dasharray:2 10}
.many line{stroke-width:1.6}.many line.good{opacity:.35}.many line.bad{stroke-width:2.6;stroke-dasharray:4 6}
.label rect{fill:var(--card);stroke:var(--line)}.label.bad rect{stroke:var(--bad)}.label text{fill:var(--ink);font-size:17px;text-anchor:middle;font-variant-numeric:tabular-nums}.label.bad text{fill:var(--bad);font-weight:700}
.host circle{fill:var(--card);stroke:var(--glow);stroke-width:5}.host.unhealthy circle{stroke:var(--bad);fill:var(--bad-soft)}.host.unknown circle{stroke:var(--warn);fill:var(--warn-soft);stroke-dasharray:7 6}
.host text{text-anchor:middle;paint-order:stroke;fill:var(--ink)}.host .name{font-weight:650}.host .start{text-anchor:start}.host .end{text-anchor:end}.host .under{fill:var(--soft);stroke:var(--card);stroke-width:5px;stroke-linejoin:round}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;margin:.6em 0 0!important}.good{color:var(--good)}.bad{color:var(--bad)}.off{color:var(--soft)}
.scroll{overflow-x:auto;margin:0 -6px;padding:0 6px;border-radius:8px}.scroll:focus-visible{outline:2px solid var(--glow)}
table{border-collapse:separate;border-spacing:0;width:100%;font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:left}th small{display:block;color:var(--soft);font-weight:400;font-size:.8rem;line-height:1.25}
.grid th[scope=row]{padding:4px 8px 4px 0;border-top:1px solid var(--line)}.grid td{width:44px;text-align:center;border-top:1px solid var(--line);font-weight:700;padding:0 4px}
.grid thead th{white-space:nowrap}.grid thead th,.grid thead td{text-align:center;border:0;padding:0 4px 4px}
.grid .ok{color:var(--good)}.grid .failed{color:#fff;background:var(--bad)}.grid .follows{color:var(--bad);background:var(--bad-soft)}.grid .unknown{color:var(--warn);background:var(--warn-soft)}
@media (prefers-color-scheme:dark){.grid .failed{color:#1b0d10}}
.heat{border-spacing:4px;table-layout:fixed}.heat caption{caption-side:bottom;text-align:left;color:var(--soft);font-size:.8rem;padding:4px}
.heat thead td{height:auto}.heat th{font-size:.9rem;text-align:center;overflow:hidden;text-overflow:ellipsis}.heat th[scope=row]{text-align:right;padding-right:4px}
.heat td{height:52px;text-align:center;border-radius:10px;font-size:.95rem;background:color-mix(in oklab,var(--warm) calc(var(--heat,0)*75%),var(--good-soft))}
.heat thead td,.heat .self{background:none}.heat .off{background:none;color:var(--soft);border:1px dashed var(--line)}.heat .wrong{background:var(--bad);color:#fff;font-weight:700}
.heat .self{background:repeating-linear-gradient(135deg,var(--line) 0 1px,transparent 1px 8px)}
@media (prefers-color-scheme:dark){.heat .wrong{color:#1b0d10}}
.heat.small{border-spacing:2px;table-layout:auto}.heat.small td{height:24px;font-size:.68rem;border-radius:4px;min-width:26px}.heat.small th{font-size:.68rem}
.hosts th[scope=row]{white-space:nowrap}.hosts td,.hosts th{padding:8px 14px 8px 0;vertical-align:top;font-size:.92rem}.hosts tbody td,.hosts tbody th{border-top:1px solid var(--line)}.hosts thead th{color:var(--soft);font-weight:450;font-size:.82rem}
.dot{display:inline-block;width:.62em;height:.62em;border-radius:50%;background:var(--glow)}.dot.unhealthy{background:var(--bad)}.dot.unknown{background:none;border:2px solid var(--warn)}
.findings{list-style:none;margin:0;padding:0;display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.findings li{background:var(--card);border:1px solid var(--line);border-left:6px solid var(--bad);border-radius:14px;padding:14px 18px;min-width:0;overflow-wrap:anywhere}.findings li.unknown{border-left-color:var(--warn)}
.findings h3{margin:0;font-size:1rem;font-weight:450;color:var(--soft)}.findings h3 b{color:var(--ink);font-size:1.15rem}.findings p{margin:.3em 0 .6em;font-weight:600}
.findings dl{display:grid;grid-template-columns:auto 1fr;gap:4px 12px;margin:0;font-size:.92rem}.findings dt{color:var(--soft)}.findings dd{margin:0}
code{font:.92em/1.45 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
.none{color:var(--soft)}.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
footer{padding-top:22px;padding-bottom:36px;color:var(--soft);font-size:.88rem}
.some .grid small{display:none}.big>section{grid-column:1/-1}.big .grid td{width:auto;min-width:22px;padding:0}.big thead th{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left;white-space:nowrap;padding:4px 0!important;font-size:.72rem}.big .hosts thead th{writing-mode:inherit;transform:none;font-size:.82rem}.big .heat th{white-space:nowrap}.big svg{max-height:760px}
@media (max-width:900px){main{grid-template-columns:minmax(0,1fr)}main>section{grid-column:1!important}.numbers{grid-template-columns:repeat(2,1fr)}}
@media (max-width:560px){header,main,footer{padding-left:14px;padding-right:14px}.card{padding:16px 14px}
.hosts thead{position:absolute;clip-path:inset(50%);height:1px;overflow:hidden}.hosts tr,.hosts th[scope=row]{white-space:nowrap}.hosts td,.hosts th{display:block}.hosts tbody td{border:0;padding:0 0 2px}.hosts tbody tr{border-top:1px solid var(--line);padding-bottom:10px}.hosts tbody th{border:0;padding:10px 0 4px}.hosts td[data-label]::before{content:attr(data-label) " ";color:var(--soft)}}
@media print{.card,.findings li{break-inside:avoid}}
`;
