// Everything but the trials: consent, code, volume, headphones, break, end. Each resolves when it is over.
import { $, card, copyable, h, say, show } from './dom.js';
import { listen } from './keys.js';
import { random } from './net.js';
import { Deck, Sound } from './sound.js';

const INTERVALS = [0.5, 2, 3.5]; // s; when each noise of a headphone trial begins, of one second each
const SCREENS = 6; // of them in an attempt
const AUDIBLE = 0.3; // share of the volume sound that is enough

const button = (text, onclick, kind = 'main') => h('button', { type: 'button', class: kind, onclick }, text);

export function consent(app) {
  const { about, words: w } = app;
  const request = app.memory.get('enrolment') ?? random(); // asked twice, it is one rater
  app.memory.set({ enrolment: request });
  return new Promise((resolve) => {
    const trouble = h('p', { class: 'message', role: 'alert', hidden: true });
    const go = button(w.begin, async () => {
      go.disabled = true;
      try {
        resolve(await app.net.ask('enrol', { agree: true, request }));
      } catch (error) {
        trouble.textContent = error.message;
        trouble.hidden = false;
        go.disabled = false;
      }
    });
    go.disabled = true;
    const check = h('input', { type: 'checkbox', id: 'agree', onchange: () => { go.disabled = !check.checked; } });
    show(card(h('h1', {}, about.title), h('p', { class: 'prose' }, about.consent),
      app.memory.lasting ? null : h('p', { class: 'message' }, w.unkept),
      h('label', { class: 'check' }, check, w.agree), trouble, go));
  });
}

export function code(app) {
  const { about, words: w } = app;
  return once((done) => show(card(h('h1', {}, w.remember),
    copyable(app.memory.get('withdrawal'), w.code, w), h('p', {}, w.remember_text),
    about.instructions ? h('p', { class: 'prose' }, about.instructions) : null, button(w.go, done))));
}

const once = (draw) => new Promise((resolve) => draw(() => resolve()));

export function rest(app) {
  const { words: w } = app;
  return once((done) => show(card(h('h1', {}, w.pause_title), h('p', {}, w.pause_text), button(w.go, done))))
    .then(() => app.net.ask('step', { step: 'break', result: null }));
}

function plain(app, label, needed, onchange) {
  return new Sound({ slot: '', label, words: app.words, needed, onchange, onevent: (kind) => app.events.add(kind, 0) });
}

export async function volume(app) {
  const { words: w } = app;
  const deck = new Deck([plain(app, w.volume_sound, AUDIBLE, (sound) => { go.disabled = !sound.enough; })]);
  const screen = { deck, confirm: () => go.click() };
  let finish;
  const finished = new Promise((resolve) => { finish = resolve; });
  const go = button(w.volume_done, finish);
  go.disabled = true;
  show(card(h('h1', {}, w.volume), h('p', {}, w.volume_text), deck.current.node, go));
  const unlisten = listen(screen);
  try {
    deck.current.load(await app.blob('volume'));
    await finished;
    return await app.net.ask('step', { step: 'volume', result: null });
  } finally {
    unlisten();
    deck.release();
  }
}

export async function headphones(app, state) {
  const result = [];
  for (let i = 0; i < SCREENS; i += 1) result.push(await interval(app, state, i) - 1);
  return app.net.ask('step', { step: 'headphones', result, attempt: state.attempt });
}

async function interval(app, state, i) {
  const { words: w } = app;
  const lamps = INTERVALS.map((_, k) => h('li', {}, k + 1));
  const deck = new Deck([plain(app, w.noises, app.needed, (sound) => update(sound))]);
  const { audio } = deck.current;
  let answer = null;
  const inputs = [1, 2, 3].map((k) => h('label', { class: 'choice' },
    h('input', { type: 'radio', name: `noise-${i}`, value: k, onchange: () => { answer = k; update(deck.current); } }), k));
  const node = h('fieldset', { 'aria-describedby': 'lock' }, h('legend', {}, w.which), h('div', { class: 'choices wide' }, inputs));
  const lock = h('p', { class: 'lock', id: 'lock' });
  let finish;
  const finished = new Promise((resolve) => { finish = resolve; });
  const go = button(w.next, finish);
  function update(sound) {
    node.disabled = !sound.enough;
    go.disabled = !sound.enough || answer === null;
    lock.textContent = sound.enough ? w.open : w.locked_one;
    lamps.forEach((lamp, k) => lamp.classList.toggle('on', !audio.paused && audio.currentTime >= INTERVALS[k] && audio.currentTime < INTERVALS[k] + 1));
  }
  deck.current.node.append(h('ol', { class: 'intervals', 'aria-hidden': 'true' }, lamps));
  show(card(h('p', { class: 'quiet' }, w.headphones_trial(i + 1, SCREENS)), h('h1', {}, w.headphones),
    state.attempt > 0 && i === 0 ? h('p', { class: 'message' }, w.headphones_again) : null,
    h('p', {}, w.headphones_text), deck.current.node, node, lock, go));
  update(deck.current);
  const pick = (value) => (deck.current.enough ? node.querySelector(`[value="${value}"]`)?.click() : say(w.locked_one));
  const unlisten = listen({ deck, button: go, answer: { node }, pick, confirm: () => go.click() });
  try {
    deck.current.load(await app.blob(`headphones/${i}`));
    await finished;
    return answer;
  } finally {
    unlisten();
    deck.release();
  }
}

export function end(app, state) {
  const { words: w } = app;
  const kept = app.memory.get('withdrawal');
  show(card(h('h1', {}, w.done), h('p', {}, w.done_text),
    h('h2', {}, w.completion), copyable(state.code, w.completion, w), h('p', { class: 'quiet' }, w.completion_text),
    kept ? h('p', {}, w.keep) : null, kept ? copyable(kept, w.code, w) : null));
  return new Promise(() => {}); // nothing follows
}

export function refused(app) { // the study asks for headphones, and the check says there are none
  stop(app.words.refused_title, app.words.refused_text);
  return new Promise(() => {});
}

// Something is in the way: a sentence and one button.
export function stop(title, text, label) {
  return once((done) => show(card(h('h1', {}, title), h('p', { class: 'prose' }, text), label ? button(label, done) : null)));
}

const plainly = (code) => code.toUpperCase().replace(/[^A-Z0-9]/g, '');

export function withdrawal(app) { // a dialog that any screen can open
  const { words: w } = app;
  const field = h('input', { type: 'text', id: 'code', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false', value: app.memory.get('withdrawal') ?? '' });
  const trouble = h('p', { class: 'message', role: 'alert', hidden: true });
  const dialog = h('dialog', { 'aria-labelledby': 'withdraw-title' });
  const send = async () => {
    trouble.hidden = true;
    try {
      const { deleted } = await app.net.once('withdraw', { code: field.value });
      if (plainly(field.value) === plainly(app.memory.get('withdrawal') ?? '')) app.memory.clear();
      dialog.close();
      app.gone = true;
      stop(w.withdrawn, w.withdrawn_text(deleted));
    } catch (error) {
      trouble.textContent = error.status ? error.message : w.unreached;
      trouble.hidden = false;
    }
  };
  dialog.addEventListener('close', () => dialog.remove());
  dialog.append(h('div', { class: 'stack' }, h('h2', { id: 'withdraw-title' }, w.withdraw), h('p', {}, w.withdraw_text),
    h('label', { for: 'code' }, w.code), field, trouble,
    h('div', { class: 'row' }, button(w.delete, send), button(w.cancel, () => dialog.close(), ''))));
  $('body').append(dialog);
  dialog.showModal();
}
