// One sound: a button, a bar, and what was really heard of it. Jumping is not hearing: only ranges
// that were played count, as the browser itself keeps them (HTMLMediaElement.played).
import { h } from './dom.js';

const EDGE = 0.03; // s; ranges this close are one

export function merge(ranges) {
  const sorted = ranges.map(([a, b]) => [a, b]).sort((one, other) => one[0] - other[0]);
  const merged = [];
  for (const [start, end] of sorted) {
    const last = merged.at(-1);
    if (last && start <= last[1] + EDGE) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

export function total(ranges) {
  return merge(ranges).reduce((sum, [start, end]) => sum + end - start, 0);
}

export class Sound {
  // slot: its letter; label: for screen readers; before: {heard, plays} of an earlier visit
  constructor({ slot, label, words, needed, before, onchange, onevent }) {
    Object.assign(this, { slot, label, words, needed, onchange, onevent });
    this.before = before?.heard ?? [];
    this.plays = before?.plays ?? 0;
    this.audio = new Audio();
    this.audio.preload = 'auto';
    this.draw();
    this.listen();
  }

  draw() {
    const w = this.words;
    this.button = h('button', {
      type: 'button', class: 'play', disabled: true, 'aria-label': `${w.play}: ${this.label}`, onclick: () => this.toggle(),
    }, h('i', { 'aria-hidden': 'true' }), this.slot ? h('b', { 'aria-hidden': 'true' }, this.slot) : null);
    this.bar = h('svg', { viewBox: '0 0 1000 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    this.seek = h('input', {
      type: 'range', min: 0, max: 1000, value: 0, tabindex: -1, 'aria-label': `${w.position}: ${this.label}`,
      oninput: () => this.jump(),
    });
    this.share = h('span', { class: 'share' }, w.loading);
    this.node = h('div', { class: 'player', role: 'group', 'aria-label': this.label },
      this.button, h('div', { class: 'track' }, this.bar, this.seek), this.share);
  }

  listen() {
    const told = (kind) => () => {
      this.onevent(kind, this);
      this.update();
    };
    for (const kind of ['play', 'pause', 'ended', 'seeked']) this.audio.addEventListener(kind, told(kind));
    this.audio.addEventListener('timeupdate', () => this.update());
    this.audio.addEventListener('error', () => this.audio.src && this.fail());
    this.audio.addEventListener('loadedmetadata', () => this.update());
  }

  load(blob) {
    this.url = URL.createObjectURL(blob);
    this.audio.src = this.url;
    this.button.disabled = false; // without waiting for metadata: some phones fetch none before a touch
    this.share.textContent = '0 %';
  }

  fail() {
    this.share.textContent = this.words.broken;
    this.onevent('error', this);
  }

  toggle() {
    if (this.button.disabled) return undefined;
    if (!this.audio.paused) return void this.audio.pause();
    if (this.audio.ended || this.audio.currentTime < 0.05) this.plays += 1; // not after a pause
    this.audio.play().catch(() => {}); // a pause came in between
    return undefined;
  }

  jump() {
    this.audio.currentTime = (this.seek.value / 1000) * this.audio.duration;
  }

  get duration() { return Number.isFinite(this.audio.duration) ? this.audio.duration : 0; }

  get heard() {
    const played = this.audio.played;
    const now = Array.from({ length: played.length }, (_, i) => [played.start(i), played.end(i)]);
    return merge([...this.before, ...now]).map(([a, b]) => [Math.round(a * 1000) / 1000, Math.round(b * 1000) / 1000]);
  }

  get part() { return this.duration ? Math.min(1, total(this.heard) / this.duration) : 0; }

  get enough() { return this.duration > 0 && this.part >= this.needed; }

  update() {
    const { duration, audio, words } = this;
    if (!duration) return;
    const scale = 1000 / duration;
    const rects = this.heard.map(([a, b]) => h('rect', { class: 'heard', x: a * scale, width: (b - a) * scale, height: 10 }));
    this.bar.replaceChildren(...rects, h('rect', { class: 'now', x: Math.max(0, Math.min(992, audio.currentTime * scale - 4)), width: 8, height: 10 }));
    this.seek.value = audio.currentTime * scale;
    this.share.textContent = this.enough ? `✓ ${words.heard}` : `${Math.floor(this.part * 100)} %`;
    this.node.classList.toggle('done', this.enough);
    this.node.classList.toggle('playing', !audio.paused);
    this.button.setAttribute('aria-label', `${audio.paused ? words.play : words.pause}: ${this.label}`);
    this.onchange(this);
  }

  release() {
    this.audio.pause();
    this.audio.removeAttribute('src');
    if (this.url) URL.revokeObjectURL(this.url);
  }
}

// Several sounds, of which one sounds at a time and one is what Space plays.
export class Deck {
  constructor(sounds) {
    this.sounds = sounds;
    this.choose(0, false);
    sounds.forEach((sound, i) => {
      sound.audio.addEventListener('play', () => this.alone(i));
      sound.node.addEventListener('focusin', () => this.choose(i, false));
    });
  }

  alone(playing) {
    this.sounds.forEach((sound, i) => i !== playing && sound.audio.pause());
    this.choose(playing, false);
  }

  choose(i, focus = true) {
    this.at = (i + this.sounds.length) % this.sounds.length;
    this.sounds.forEach((sound, n) => sound.node.classList.toggle('current', n === this.at && this.sounds.length > 1));
    if (focus) this.current.button.focus();
  }

  get current() { return this.sounds[this.at]; }

  get enough() { return this.sounds.every((sound) => sound.enough); }

  release() { this.sounds.forEach((sound) => sound.release()); }
}
