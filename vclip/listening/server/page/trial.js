// One trial: what is asked, what is heard, one answer. Resolves once an answer is confirmed.
import { $, h, say, show } from './dom.js';
import { choices, scales } from './answers.js';
import { Deck, Sound } from './sound.js';
import { random } from './net.js';
import { listen } from './keys.js';

export function run(app, trial) {
  return new Promise((resolve) => new Screen(app, trial, resolve));
}

class Screen {
  constructor(app, trial, resolve) {
    Object.assign(this, { app, trial, resolve, words: app.words });
    this.draft = app.drafts.of(trial.position); // what an earlier visit left: ranges, seconds, value
    this.began = performance.now();
    this.request = random();
    this.deck = new Deck(trial.slots.map((slot, i) => this.sound(slot, i)));
    this.answer = trial.type === 'multi' ? scales(this) : choices(this);
    this.draw();
    this.unlisten = listen(this);
    if (trial.instruction) this.announce();
    this.leaving = () => this.save();
    window.addEventListener('pagehide', this.leaving);
    this.update();
    app.events.add('shown', trial.position);
    this.fetch();
  }

  sound(slot, i) {
    const shown = this.trial.slots.length > 1 ? slot : '';
    return new Sound({
      slot: shown, label: this.words.sound(shown), words: this.words, needed: this.app.needed,
      before: { heard: this.draft.heard?.[i], plays: this.draft.plays?.[i] },
      onchange: () => this.update(),
      onevent: (kind, sound) => this.note(kind, i, sound),
    });
  }

  draw() {
    const { trial, words: w } = this;
    this.lock = h('p', { class: 'lock', id: 'lock' });
    this.button = h('button', { type: 'button', class: 'main', id: 'next', onclick: () => this.confirm() }, w.next);
    const top = h('div', { class: 'top' },
      trial.purpose === 'training' ? h('p', { class: 'badge' }, h('b', {}, w.practice), w.practice_text) : null,
      h('h1', {}, trial.prompt),
      trial.instruction ? h('p', { class: 'told', id: 'told' }, trial.instruction) : null);
    this.face = trial.face ? h('img', { alt: w.face, width: 340, height: 340 }) : null;
    const stimulus = h('div', { class: 'stimulus' },
      this.face ? h('figure', { class: 'face' }, this.face) : null,
      trial.text ? h('p', { class: 'text' }, `“${trial.text}”`) : null);
    const players = h('div', { class: 'players', role: 'group', 'aria-label': w.sounds }, this.deck.sounds.map((s) => s.node));
    show(h('section', { class: `card trial ${trial.face ? 'faced' : 'narrow'}` },
      top, stimulus, h('div', { class: 'asked' }, players, this.answer.node, this.lock, this.button)));
  }

  announce() { // what this trial asks for instead: the heading alone would not tell it by ear
    $('h1').setAttribute('aria-describedby', 'told');
    this.answer.node.setAttribute('aria-describedby', 'told lock');
    say(this.trial.instruction);
  }

  async fetch() {
    const { trial, app } = this;
    const files = trial.audio.map((path, i) => app.blob(path).then((blob) => this.deck.sounds[i].load(blob)));
    if (this.face) files.push(app.blob(trial.face).then((blob) => { this.face.src = URL.createObjectURL(blob); }));
    try {
      await Promise.all(files);
    } catch (error) {
      this.close();
      this.resolve({ error });
    }
  }

  note(kind, slot, sound) {
    const at = Math.round(sound.audio.currentTime * 1000) / 1000;
    this.app.events.add(kind, this.trial.position, { slot, at });
    if (kind === 'pause' || kind === 'ended') this.save();
  }

  update() { // locked until all was heard; said once when it opens
    if (!this.answer || !this.lock) return;
    const open = this.deck.enough;
    if (open && this.opened === false) say(this.words.open);
    this.opened = open;
    this.answer.node.disabled = !open;
    this.lock.classList.toggle('open', open);
    const missing = this.answer.value === null && this.answer.missing;
    const sentence = open ? missing || this.words.open : this.reason();
    if (this.lock.textContent !== sentence) this.lock.textContent = sentence;
    this.button.disabled = !open || this.answer.value === null || Boolean(this.confirmed);
  }

  reason() {
    const left = this.deck.sounds.filter((sound) => !sound.enough).map((sound) => sound.slot);
    return left.length > 1 || left[0] ? this.words.locked(left.join(', ')) : this.words.locked_one;
  }

  pick(value) { // by a key
    if (!this.deck.enough) return say(this.reason());
    return this.answer.pick(value);
  }

  measured() {
    return {
      position: this.trial.position,
      value: this.answer.value,
      heard: this.deck.sounds.map((sound) => sound.heard),
      plays: this.deck.sounds.map((sound) => sound.plays),
      seconds: (this.draft.seconds ?? 0) + Math.round(performance.now() - this.began) / 1000,
    };
  }

  save() { if (!this.confirmed) this.app.drafts.keep(this.measured()); }

  confirm() {
    if (this.button.disabled) return;
    this.confirmed = { ...this.measured(), request: this.request };
    this.button.disabled = true;
    this.button.textContent = this.words.sending;
    this.answer.node.disabled = true;
    this.close();
    this.resolve({ answer: this.confirmed });
  }

  close() {
    this.unlisten();
    window.removeEventListener('pagehide', this.leaving);
    this.deck.release();
    if (this.face?.src) URL.revokeObjectURL(this.face.src);
  }
}

export function legend(app, trial) { // the keys of this trial, at the foot of the page
  const w = app.words;
  const values = trial.type === 'multi' ? null : trial.type.startsWith('acr') ? '1 – 5'
    : [...trial.slots.filter((slot) => slot !== 'X'), ...(trial.ties ? ['T'] : [])].join(' ');
  const shown = [[w.space, w.keys.Space], trial.slots.length > 1 ? ['← →', w.keys['← →']] : null,
    values ? [values, w.keys.values] : null, ['Enter', w.keys.Enter]].filter(Boolean);
  const rows = shown.map(([key, does]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, does)));
  $('#foot').prepend(h('dl', { class: 'keys', 'aria-label': w.legend }, rows));
}
