// What this browser remembers of a session, under the study's name: the token (never in an address),
// the withdrawal code, an answer on its way, what was heard of the current trial.
export class Memory {
  constructor(study) {
    this.key = `vclip-study ${study}`;
    this.held = {}; // instead of localStorage where there is none
    try {
      this.held = JSON.parse(localStorage.getItem(this.key)) ?? {};
      localStorage.setItem(this.key, JSON.stringify(this.held));
      this.lasting = true;
    } catch {
      this.lasting = false;
    }
  }

  get(name) { return this.held[name] ?? null; }

  set(changes) {
    Object.assign(this.held, changes);
    if (this.lasting) localStorage.setItem(this.key, JSON.stringify(this.held));
  }

  clear() {
    this.held = {};
    if (this.lasting) localStorage.removeItem(this.key);
  }
}

export class Drafts { // of the one trial that is on screen
  constructor(memory) { this.memory = memory; }

  of(position) {
    const draft = this.memory.get('draft');
    return draft?.position === position ? draft : {};
  }

  keep(draft) { this.memory.set({ draft }); }
}

export class Events { // collected, and sent every few seconds and when the page goes away
  constructor(net) {
    this.net = net;
    this.held = [];
    this.position = 0;
    setInterval(() => this.flush(), 5000);
    window.addEventListener('pagehide', () => this.flush());
    document.addEventListener('visibilitychange', () => this.add(document.visibilityState, this.position));
  }

  add(kind, position, more = {}) {
    this.position = position;
    this.held.push({ kind, position, time: new Date().toISOString(), ...more });
  }

  flush() {
    if (!this.net.token || !this.held.length) return;
    this.net.tell(this.held.splice(0, 100));
  }
}
