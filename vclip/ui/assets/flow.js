// A stream of samples (16 bits, little endian) as sound: pieces without a seam, silence where they
// come too late, an end without a click. One for each take; player.js says what is heard.
window.vclipFlow = (() => {
  const LEAD = 0.05; // seconds from the first bytes to the first sound
  const PIECE = 0.04; // seconds that are worth a buffer of their own
  const FADE = 0.008; // seconds; an edge within a sound would click

  return class {
    constructor(context, rate) {
      this.context = context;
      this.rate = rate;
      this.gain = context.createGain();
      this.gain.connect(context.destination);
      this.rest = new Uint8Array(0);
      this.sources = new Set();
      this.lead = LEAD;
      this.from = null; // when the first sample sounds, in seconds of the context
      this.end = 0; // when the last one has
      this.seconds = 0; // that are scheduled
    }
    push(bytes, last = false) {
      const all = new Uint8Array(this.rest.length + bytes.length);
      all.set(this.rest);
      all.set(bytes, this.rest.length);
      const n = all.length >> 1;
      const enough = n && (last || n >= PIECE * this.rate);
      this.rest = enough ? all.slice(2 * n) : all;
      if (enough) this.schedule(new DataView(all.buffer), n);
    }
    schedule(view, n) {
      const buffer = this.context.createBuffer(1, n, this.rate);
      const samples = buffer.getChannelData(0);
      for (let i = 0; i < n; i += 1) samples[i] = view.getInt16(2 * i, true) / 32768;
      this.join();
      const source = new AudioBufferSourceNode(this.context, { buffer });
      source.connect(this.gain);
      source.start(this.end);
      source.onended = () => this.sources.delete(source);
      this.sources.add(source);
      this.end += n / this.rate;
      this.seconds += n / this.rate;
      // out at the end, unless more comes in time
      this.gain.gain.setValueAtTime(1, this.end - FADE);
      this.gain.gain.linearRampToValueAtTime(0, this.end);
    }
    join() {
      const now = this.context.currentTime;
      const { gain } = this.gain;
      if (this.end > now + FADE) return void gain.cancelScheduledValues(this.end - FADE - 1e-4);
      if (this.from !== null) this.lead = Math.min(2 * this.lead, 1); // starved: be more careful
      this.end = Math.ceil((now + this.lead) * this.rate) / this.rate;
      this.from ??= this.end;
      gain.cancelScheduledValues(0);
      gain.setValueAtTime(0, this.end);
      gain.linearRampToValueAtTime(1, this.end + FADE);
    }
    played() {
      return Math.max(0, this.seconds - Math.max(0, this.end - this.context.currentTime));
    }
    close() {
      const { gain } = this.gain;
      gain.cancelScheduledValues(0);
      gain.setTargetAtTime(0, this.context.currentTime, FADE / 3);
      for (const source of this.sources) source.stop(this.context.currentTime + 3 * FADE);
      setTimeout(() => this.gain.disconnect(), 100);
    }
  };
})();
