// The way of a rater through a study. The server knows where they are: /state says what comes next.
import { $, h } from './dom.js';
import { Drafts, Events, Memory } from './memory.js';
import { Net, Refused } from './net.js';
import * as steps from './steps.js';
import { legend, run } from './trial.js';
import { wordsFor } from './words.js';

class App {
  constructor() {
    this.net = new Net();
    this.words = wordsFor(navigator.language);
    this.net.onwait = (...what) => this.offline(...what);
  }

  async start() {
    this.about = await this.net.ask('about');
    this.words = wordsFor(this.about.language);
    this.needed = this.about.gates?.heard ?? 0.95;
    this.memory = new Memory(this.about.study ?? this.about.title);
    this.drafts = new Drafts(this.memory);
    this.events = new Events(this.net);
    document.documentElement.lang = this.about.language;
    document.title = $('#title').textContent = this.about.title;
    this.net.token = this.memory.get('token');
    let state = null;
    while (!this.gone) {
      this.foot();
      try {
        state = await (state ? this.step(state) : this.enter());
      } catch (error) {
        state = null; // ask where we are
        await this.trouble(error);
      }
    }
  }

  async enter() { // new, or back after a reload, a closed laptop, a server that was away
    if (!this.net.token) await this.enrol();
    const state = await this.net.ask('state'); // this tab is the one that answers from now on
    const pending = this.memory.get('pending');
    if (pending && state.trial?.position === pending.position) return this.send(pending);
    this.memory.set({ pending: null });
    return state;
  }

  async enrol() {
    const { token, withdrawal } = await steps.consent(this);
    this.memory.set({ token, withdrawal, enrolment: null, pending: null, draft: null });
    this.net.token = token;
    await steps.code(this);
  }

  step(state) {
    this.progress(state);
    if (state.trial) return this.rate(state.trial);
    const known = { volume: steps.volume, headphones: steps.headphones, break: steps.rest, done: steps.end, refused: steps.refused };
    return known[state.step](this, state);
  }

  async rate(trial) {
    legend(this, trial);
    const { answer, error } = await run(this, trial);
    if (error) throw error;
    this.memory.set({ pending: answer }); // first kept here, then sent
    return this.send(answer);
  }

  async send(answer) {
    const state = await this.net.ask('answer', answer);
    this.memory.set({ pending: null, draft: null });
    this.events.flush();
    return state;
  }

  blob(path) { return this.net.ask(path); }

  async trouble(error) {
    const w = this.words;
    if (this.gone) return;
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) {
      await steps.stop(w.unknown, w.unknown_text, w.anew);
      this.memory.clear();
      this.net.token = null;
    } else if (error.status === 409) {
      await steps.stop(w.elsewhere, `${error.message}\n${w.elsewhere_text}`, w.here);
    } else {
      this.memory.set({ pending: null });
      await steps.stop(w.refused, error.message, w.again);
    }
  }

  progress(state) {
    const { done, total } = state;
    $('#progress').hidden = !total;
    const bar = $('#progress progress');
    Object.assign(bar, { max: total || 1, value: done });
    const said = this.words.count(Math.min(done + (state.trial ? 1 : 0), total), total);
    bar.setAttribute('aria-label', said);
    $('#progress span').textContent = said;
  }

  foot() {
    const w = this.words;
    const contact = this.about.contact ? h('span', { class: 'contact' }, `${w.contact}: ${this.about.contact}`) : null;
    const open = h('button', { type: 'button', class: 'plain', onclick: () => steps.withdrawal(this) }, w.withdraw);
    $('#foot').replaceChildren(...[contact, open].filter(Boolean));
  }

  offline(seconds, now, refused) { // no network, or a server that cannot do it now
    const place = $('#notice');
    if (seconds === null) return place.replaceChildren();
    const w = this.words;
    const text = (this.memory?.get('pending') ? w.lost : w.lost_load)(refused ? w.busy : w.offline, seconds);
    return place.replaceChildren(h('p', { class: 'message' }, text, h('button', { type: 'button', onclick: now }, this.words.now)));
  }
}

const app = new App();
app.start().catch((error) => {
  console.error(error);
  steps.stop(app.words.refused, String(error.message ?? error), app.words.again).then(() => location.reload());
});
