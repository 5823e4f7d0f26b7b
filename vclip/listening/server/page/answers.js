// What can be answered: one of several (radio buttons), or a number for each sound (sliders).
import { h } from './dom.js';

// Both give {node: a fieldset, value: null until it is complete, pick(value)}
export function choices(screen) {
  const { trial, words: w } = screen;
  const options = optionsOf(trial, w);
  const name = `answer-${trial.position}`;
  const answer = { value: null };
  const inputs = options.map(({ value, label, key }) => {
    const input = h('input', { type: 'radio', name, value, onchange: () => answer.pick(value) });
    return h('label', { class: value === 'tie' ? 'choice whole' : 'choice' }, input, h('span', {}, label), h('kbd', { 'aria-hidden': 'true' }, key));
  });
  const wide = trial.type.startsWith('acr') ? '' : options.length > 3 ? ' wide many' : ' wide';
  answer.node = h('fieldset', { 'aria-describedby': 'lock' }, h('legend', { class: 'unseen' }, w.answer), h('div', { class: `choices${wide}` }, inputs));
  answer.pick = (value) => {
    const input = answer.node.querySelector(`input[value="${value}"]`);
    if (!input) return;
    input.checked = true;
    answer.value = value;
    screen.update();
  };
  return answer;
}

export function optionsOf(trial, w) {
  if (trial.type.startsWith('acr')) return scale(trial.labels);
  const slots = trial.slots.filter((slot) => slot !== 'X').map((slot) => ({ value: slot, label: w.slot(slot), key: slot }));
  return trial.ties ? [...slots, { value: 'tie', label: w.tie, key: 'T' }] : slots;
}

function scale(labels) { // best first: a list, or by value
  const list = Array.isArray(labels) ? labels : Object.keys(labels).sort().reverse().map((value) => labels[value]);
  return list.map((label, i) => ({ value: String(5 - i), label, key: 5 - i }));
}

export function scales(screen) {
  const { trial, words: w } = screen;
  const values = {};
  const answer = { pick() {}, missing: w.untouched };
  const rows = trial.slots.map((slot, i) => {
    const shown = h('output', {}, '–');
    const set = (event) => {
      values[slot] = Number(event.target.value);
      shown.textContent = event.target.value;
      screen.update();
    };
    const input = h('input', { type: 'range', min: 0, max: 100, step: 1, value: 50, 'aria-label': w.rate(slot), oninput: set, onchange: set, onpointerup: set });
    return h('div', { class: 'scale', onfocusin: () => screen.deck.choose(i, false) }, h('b', { 'aria-hidden': 'true' }, slot), input, shown);
  });
  const ends = h('div', { class: 'ends', 'aria-hidden': 'true' }, h('span', {}, `0: ${w.worst}`), h('span', {}, `100: ${w.best}`));
  answer.node = h('fieldset', { 'aria-describedby': 'lock' }, h('legend', { class: 'unseen' }, w.answer), h('div', { class: 'choices' }, rows), ends);
  Object.defineProperty(answer, 'value', {
    get: () => (trial.slots.every((slot) => slot in values) ? { ...values } : null),
  });
  return answer;
}
