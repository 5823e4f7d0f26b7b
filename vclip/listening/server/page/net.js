// Requests to the study's server: the rater's token, this tab's name, patience without a network.
const API = '/study/api';
const WAITS = [1, 2, 4, 8, 15]; // seconds between tries; the last one again and again
const TIMEOUT = 20000; // ms until an answer counts as lost

export function random() { // 128 bits; randomUUID is not there without https
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Refused extends Error { // the server said no, in words for people
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export class Net {
  constructor() {
    this.token = null;
    this.tab = random(); // of this page: a reload is another tab, as it should be
    this.onwait = () => {}; // (seconds, now, whether the server refused) while it waits, (null) after
  }

  headers(more = {}) {
    return { ...(this.token && { Authorization: `Bearer ${this.token}` }), 'X-Tab': this.tab, ...more };
  }

  async once(path, body) {
    const options = body === undefined ? { headers: this.headers() } : {
      method: 'POST', headers: this.headers({ 'Content-Type': 'application/json' }), body: JSON.stringify(body),
    };
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), TIMEOUT);
    try {
      const response = await fetch(path.startsWith('/') ? path : `${API}/${path}`, { ...options, cache: 'no-store', signal: stop.signal });
      if (response.ok) return response.headers.get('Content-Type')?.includes('json') ? await response.json() : await response.blob();
      throw new Refused(response.status, await detail(response));
    } finally {
      clearTimeout(timer);
    }
  }

  // Tries until the server answers; what is asked must do no harm if it arrives twice.
  async ask(path, body) {
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await this.once(path, body);
        this.onwait(null);
        return answer;
      } catch (error) {
        const lasting = error instanceof Refused && error.status < 500 && error.status !== 429;
        if (lasting) {
          this.onwait(null);
          throw error;
        }
        await this.wait(WAITS[Math.min(tries, WAITS.length - 1)], error instanceof Refused);
      }
    }
  }

  wait(seconds, refused) {
    return new Promise((resolve) => {
      const timer = setTimeout(done, seconds * 1000);
      function done() {
        clearTimeout(timer);
        window.removeEventListener('online', done);
        resolve();
      }
      window.addEventListener('online', done);
      this.onwait(seconds, done, refused);
    });
  }

  tell(events) { // lost ones are no harm: nothing depends on them
    fetch(`${API}/events`, {
      method: 'POST', headers: this.headers({ 'Content-Type': 'application/json' }), body: JSON.stringify(events), keepalive: true,
    }).catch(() => {});
  }
}

async function detail(response) {
  try {
    const found = (await response.json()).detail;
    return typeof found === 'string' ? found : JSON.stringify(found);
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}
