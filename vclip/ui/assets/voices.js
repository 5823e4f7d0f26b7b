// The map of voices and the list beside it. Each of the two gr.HTML runs this with an `element`, a
// `trigger` and a `watch` of its own; through events of the document they point at the same voice.
const REACH = { mouse: 9, pen: 12, touch: 22 }; // pixels: a finger is less exact
const REST = 200; // ms on a point before it is heard
const PATIENCE = 4000; // ms until a pick that no new list confirms is given up
const SETTLED = 40; // ms from the last part drawn until Gradio takes the next event whole
const ANSWER = 1500; // ms after which the next pick is sent at the latest
const SMALL = 520; // pixels of width below which what stands on the map grows
const DIGITS = 700; // ms between the digits of a number
const all = (selector) => [...element.querySelectorAll(selector)];
const one = (selector) => element.querySelector(selector);

// Previews: one sound for the whole page. Whoever refuses, browser or server, is obeyed silently.
const preview = window.vclipPreview ??= (() => {
  const audio = new Audio();
  let timer;
  const stop = () => {
    clearTimeout(timer);
    audio.pause();
  };
  const play = (id) => {
    stop();
    if (window.vclip?.playing?.()) return; // speech comes first
    audio.src = `preview?voice=${encodeURIComponent(id)}`;
    audio.play().catch(() => {});
  };
  const soon = (id) => {
    stop();
    timer = setTimeout(play, REST, id);
  };
  document.addEventListener('vclip:speech', stop);
  return { play, soon, stop };
})();

// Whether pointing at a voice plays it; without localStorage it is remembered for this visit.
let hears = true;
try { hears = localStorage.getItem('vclip-hear') !== 'no'; } catch { /* as said */ }
const tick = () => { for (const box of all('.hear input')) box.checked = hears; };
element.addEventListener('change', (event) => {
  if (!event.target.closest('.hear')) return;
  hears = event.target.checked;
  try { localStorage.setItem('vclip-hear', hears ? 'yes' : 'no'); } catch { /* as said */ }
});

// The voice that is pointed at, in map and list.
let near = null;
const highlight = () => {
  for (const shape of all('.near')) shape.classList.remove('near');
  if (near === null) return;
  for (const shape of all('[data-id], [data-for]')) {
    if (near === (shape.dataset.id ?? shape.dataset.for)) shape.classList.add('near');
  }
};
const pointAt = (id) => document.dispatchEvent(new CustomEvent('vclip:near', { detail: id }));
document.addEventListener('vclip:near', (event) => {
  if (!element.isConnected || near === event.detail) return;
  near = event.detail;
  highlight();
});

// Map: the nearest point counts.
const shapeAt = (event) => {
  const hit = event.target.closest('.pt, .face');
  if (hit) return hit;
  let [best, least] = [null, REACH[event.pointerType] ?? REACH.mouse];
  for (const shape of all('svg .pt')) {
    const box = shape.getBoundingClientRect();
    const x = event.clientX - (box.left + box.right) / 2;
    const y = event.clientY - (box.top + box.bottom) / 2;
    const distance = Math.hypot(x, y) - (shape.matches('.mark') ? box.width / 2 : 0);
    if (distance < least) [best, least] = [shape, distance];
  }
  return best;
};
const nameOf = ({ dataset }) => dataset.name ?? [
  dataset.rank, dataset.id, dataset.fit && `${one('.voicemap').dataset.fit} ${dataset.fit}`,
].filter(Boolean).join(' · ');
const tell = (shape) => { // beside the shape, within the map
  const tip = one('.tip');
  tip?.classList.toggle('shown', Boolean(shape));
  if (!tip || !shape) return;
  tip.textContent = nameOf(shape);
  const [ground, box] = [tip.parentElement.getBoundingClientRect(), shape.getBoundingClientRect()];
  const [x, half] = [(box.left + box.right) / 2 - ground.left, tip.offsetWidth / 2 + 4];
  tip.classList.toggle('below', box.top - ground.top < tip.offsetHeight + 16);
  tip.style.left = `${Math.max(half, Math.min(x, ground.width - half))}px`;
  tip.style.top = `${(box.top + box.bottom) / 2 - ground.top}px`;
};
let over = null;
const hover = (shape) => {
  if (shape === over) return;
  over = shape;
  tell(shape);
  pointAt(shape?.dataset.id ?? null);
  if (shape?.dataset.id && hears) preview.soon(shape.dataset.id);
  else preview.stop();
};
element.addEventListener('pointermove', (event) => {
  if (event.pointerType === 'touch' || !one('.voicemap')) return;
  hover(event.target.closest('.voicemap svg') && shapeAt(event));
});
const measure = () => one('.voicemap')?.classList.toggle('small', element.clientWidth < SMALL);
new ResizeObserver(measure).observe(element);
const clickMap = (event, svg) => {
  const shape = shapeAt(event);
  if (event.pointerType === 'touch') tell(shape);
  document.dispatchEvent(new Event('vclip:elsewhere'));
  if (shape?.dataset.id) {
    waiting = shape.dataset.id;
    return send();
  }
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  trigger('spot', { x: at.x, y: at.y }); // perhaps one of the generated voices
};

// List: what is picked shows at once; lists that were on their way before are put right.
const options = () => all('[role=option]');
const selected = () => one('[role=option][aria-selected=true]');
let hoped = null, hopedUntil = 0;
const select = (option) => {
  for (const other of options()) other.setAttribute('aria-selected', String(other === option));
  option.parentElement.setAttribute('aria-activedescendant', option.id);
  reveal(option);
};
const reveal = ({ parentElement: box, offsetTop: top, offsetHeight: height }) => { // the page stays
  box.scrollTop = Math.min(top - 3, Math.max(box.scrollTop, top + height + 3 - box.clientHeight));
};
// Keys come faster than answers: the next pick is sent once the last one shows, the newest counts.
// (Gradio's trigger_mode "always_last" would send the oldest again, hence "multiple".)
let waiting = null, busyUntil = 0;
const send = () => {
  if (waiting === null || performance.now() < busyUntil) return;
  busyUntil = performance.now() + ANSWER;
  setTimeout(send, ANSWER);
  trigger('pick', { id: waiting });
  waiting = null;
};
const pick = (option) => {
  if (!option) return;
  if (option === selected()) return trigger('pick', { id: option.dataset.id });
  select(option);
  [hoped, hopedUntil, waiting] = [option.dataset.id, performance.now() + PATIENCE, option.dataset.id];
  send();
};
document.addEventListener('vclip:elsewhere', () => { hoped = waiting = null; });
const STEPS = {
  ArrowDown: (n) => n + 1, ArrowUp: (n) => n - 1, Home: () => 0, End: (n, last) => last,
};
let typed = '', typing;
const digit = (key) => {
  clearTimeout(typing);
  typing = setTimeout(() => { typed = ''; }, DIGITS);
  typed += key;
  const ranked = (rank) => options().find((option) => option.dataset.rank === rank);
  if (!ranked(typed)) typed = key;
  pick(ranked(typed));
};
element.addEventListener('keydown', (event) => {
  if (!event.target.matches('[role=listbox]') || event.ctrlKey || event.altKey || event.metaKey) return;
  const [rows, now] = [options(), selected()];
  if (event.key in STEPS) {
    const n = STEPS[event.key](rows.indexOf(now), rows.length - 1);
    const next = rows[Math.max(0, Math.min(n, rows.length - 1))];
    if (next !== now) pick(next);
  } else if (/^\d$/.test(event.key)) digit(event.key);
  else if (event.key.toLowerCase() === 'p') preview.play((now ?? rows[0]).dataset.id);
  else if (event.key === 'Enter') pick(now ?? rows[0]);
  else return;
  event.preventDefault();
  event.stopPropagation();
});
element.addEventListener('pointerover', (event) => {
  const option = event.target.closest('[role=option]');
  if (option) pointAt(option.dataset.id);
});
element.addEventListener('pointerleave', () => {
  if (one('.voicemap')) hover(null);
  else pointAt(null);
});
element.addEventListener('click', (event) => {
  const svg = event.target.closest('.voicemap svg');
  if (svg) return clickMap(event, svg);
  const option = event.target.closest('[role=option]');
  if (!option) return;
  if (event.target.closest('.play')) preview.play(option.dataset.id);
  else pick(option);
});

// Gradio draws anew: focus stays, and who cannot see it hears which voice was picked elsewhere.
let focused = false, announced = selected()?.dataset.id;
element.addEventListener('focusin', (event) => { focused = event.target.matches('[role=listbox]'); });
element.addEventListener('focusout', (event) => { if (event.relatedTarget) focused = false; });
document.addEventListener('pointerdown', (event) => { if (!element.contains(event.target)) focused = false; });
const announce = () => {
  const option = selected();
  const news = option && option.dataset.id !== announced;
  announced = option?.dataset.id;
  if (news && !focused) one('.said').textContent = option.getAttribute('aria-label');
};
const drawn = () => {
  tick();
  measure();
  over = null;
  highlight();
  if (near === null) tell(null);
  const hope = performance.now() < hopedUntil && options().find((o) => o.dataset.id === hoped);
  if (hope && hope !== selected()) select(hope);
  else hoped = null;
  const listbox = one('[role=listbox]');
  if (listbox && focused && document.activeElement === document.body) listbox.focus({ preventScroll: true });
  if (listbox) announce();
  if (selected()) reveal(selected());
  document.dispatchEvent(new CustomEvent('vclip:drawn', { detail: listbox ? 'list' : 'map' }));
};
// An event that comes while Gradio draws the answer to the last one leaves a part as it was: the
// next pick waits until list and map are drawn.
const drawnParts = new Set();
document.addEventListener('vclip:drawn', ({ detail }) => {
  drawnParts.add(detail);
  if (drawnParts.size < 2) return;
  drawnParts.clear();
  setTimeout(() => { busyUntil = 0; send(); }, SETTLED);
});
watch('value', drawn);
drawn();
