// Speech in the browser: heard while it is spoken, one sound at a time; flow.js and estimate.js come
// before it. #player holds [data-token] with data-rate (Hz), data-state (live, done, failed); Gradio
// draws it anew as it likes. What is heard of it is written into data-now (wait, sound).
window.vclip = (() => {
  const RATE = 22050; // Hz; a context at the rate of the speech joins pieces without a seam
  const HASTE = 1000; // ms in which Speak is not heard twice, unless its take is here
  const SILENCE = 'data:audio/wav;base64,UklGRiwAAABXQVZFZm10IBAAAAABAAEAIlYAAESsAAACABAAZGF0YQgAAAAAAAAAAAAAAA==';

  // iOS mutes Web Audio with its ringer switch and lets only a touched element play
  const ios = /^iP(hone|ad|od)/.test(navigator.platform)
    || (/^Mac/.test(navigator.platform) && navigator.maxTouchPoints > 1);
  const streams = !ios && 'AudioContext' in window && 'body' in Response.prototype;
  const estimate = window.vclipEstimate(streams);
  const timings = { click: null, first_sound: null };
  const native = Object.assign(new Audio(), { controls: true, preload: 'metadata' });
  const spare = Object.assign(new Audio(), { preload: 'auto' }); // history, compare
  let context = null;
  let asked = 0; // Hz that the context was asked for
  let armed = false; // Speak was pressed, and nothing since that means silence: new takes are played
  let pressed = -Infinity; // when, while the take is not here
  let begun = null; // the last token that was played of its own accord
  const known = new Set(); // all of these: of two hasty clicks the answers may come again
  let awaited = null; // the token that will be played once it is finished
  let heard = null; // what sounds now: { kind, token, hush(), … }
  let unlocked = false; // native may play

  const address = (token, kind) => `takes/${encodeURIComponent(token)}.${kind}`;
  const write = (node, text) => { if (node && node.textContent !== text) node.textContent = text; };
  const shown = () => document.querySelector('#player [data-token]');

  // --- one sound at a time
  function sound(next) {
    const last = heard;
    heard = next;
    if (last) last.hush();
    document.dispatchEvent(new CustomEvent('vclip:speech', { detail: { token: next.token } }));
    draw();
    return next;
  }
  function over(one) {
    if (!one || heard !== one) return;
    heard = null;
    draw();
  }
  function stop() {
    armed = false;
    pressed = -Infinity;
    awaited = null;
    const last = heard;
    heard = null;
    if (last) last.hush();
    draw();
  }
  function halt() { // by a button, which also ends the work: nothing more is on its way
    stop();
    for (const row of document.querySelectorAll('#compare .pending')) row.classList.add('stopped');
  }

  // --- inside the click
  async function wake(rate) { // in the click: nothing is awaited here
    if (!context || asked !== rate) {
      asked = rate;
      if (context) context.close();
      try { context = new AudioContext({ sampleRate: rate }); } catch { context = new AudioContext(); }
    }
    return context.resume();
  }
  function unlock() {
    if (streams) return void wake(asked || RATE).catch(() => {});
    if (unlocked) return;
    unlocked = true;
    native.src = SILENCE;
    native.play().catch(() => {});
  }
  function press(event) {
    if (performance.now() - pressed < HASTE) return event.stopPropagation();
    stop(); // nobody wants to hear the last one through while waiting for the next
    armed = true;
    pressed = performance.now();
    Object.assign(timings, { click: performance.now(), first_sound: null });
    estimate.begin(begun);
    unlock();
  }
  function sounded(at) {
    if (timings.click === null || timings.first_sound !== null) return;
    timings.first_sound = at;
    estimate.sounded((at - timings.click) / 1000);
  }

  // --- a stream of samples
  async function stream(token, rate) {
    const aborter = new AbortController();
    const one = sound({
      kind: 'stream', token, flow: null,
      hush() { aborter.abort(); if (this.flow) this.flow.close(); },
    });
    try {
      await Promise.race([wake(rate), new Promise((then) => { setTimeout(then, 300); })]);
      if (context.state !== 'running') throw new Error('this browser does not let us');
      const response = await fetch(address(token, 'pcm'), { signal: aborter.signal, cache: 'no-store' });
      if (response.status === 404) return over(one); // dropped meanwhile
      if (!response.ok) throw new Error(response.statusText);
      if (heard !== one) return;
      one.flow = new window.vclipFlow(context, rate);
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (heard !== one) return;
        one.flow.push(value || new Uint8Array(0), done);
        if (done) break;
      }
      one.complete = true;
    } catch {
      if (heard !== one) return;
      if (one.flow && one.flow.from !== null) one.complete = true; // what came is heard to its end
      else { over(one); later(token); }
    }
  }

  // --- files
  function later(token) {
    awaited = token;
    look();
  }
  function playFile(element, one) {
    const path = address(one.token, 'wav');
    if (element.getAttribute('src') !== path) element.src = path;
    sound({ ...one, element, hush: () => element.pause() });
    element.play().catch(() => {}); // `pause` and `error` tell the rest
  }
  function toggle(token) {
    if (heard && heard.kind === 'row' && heard.token === token) heard.hush();
    else playFile(spare, { kind: 'row', token });
  }
  for (const element of [native, spare]) {
    for (const kind of ['pause', 'ended', 'error']) {
      element.addEventListener(kind, () => {
        if (heard && heard.element === element && (element.paused || element.error)) over(heard);
      });
    }
  }
  spare.addEventListener('error', () => {
    for (const button of document.querySelectorAll('[data-play]')) {
      if (spare.getAttribute('src') === address(button.dataset.play, 'wav')) button.disabled = true;
    }
  });
  native.addEventListener('playing', () => {
    if (heard && heard.own) sounded(performance.now());
  });
  native.addEventListener('play', () => { // also by its own button
    const { token } = native.dataset;
    if (native.getAttribute('src') === SILENCE || (heard && heard.element === native)) return;
    sound({ kind: 'native', token, element: native, hush: () => native.pause() });
  });

  // --- the page as it is now
  function look() {
    const box = shown();
    if (box) {
      mount(box);
      const { token, state, rate } = box.dataset;
      if (armed && !known.has(token)) play(token, Number(rate));
      else if (awaited === token && state === 'done') {
        awaited = null;
        playFile(native, { kind: 'native', token, own: true });
      } else if (awaited === token && state === 'failed') awaited = null;
      if (token === begun && state === 'done') estimate.spoken(token, Number(box.dataset.seconds));
    }
    if (document.querySelector('#speech-message .message')) pressed = -Infinity; // it was refused
    draw();
    estimate.count();
    refocus();
  }
  function play(token, rate = RATE) {
    const box = shown();
    const finished = box && box.dataset.token === token && box.dataset.state === 'done';
    known.add(token);
    pressed = -Infinity;
    begun = token;
    if (streams && !finished) stream(token, rate);
    else later(token);
  }
  function mount(box) { // the one element that a click has unlocked takes the drawn one's place
    const drawn = box.querySelector('.replay audio');
    if (!drawn || drawn === native) return;
    const playing = heard && heard.element === native && heard.token === box.dataset.token;
    native.setAttribute('aria-label', drawn.getAttribute('aria-label'));
    native.dataset.token = box.dataset.token;
    if (native.getAttribute('src') !== drawn.getAttribute('src')) native.src = drawn.getAttribute('src');
    drawn.replaceWith(native);
    if (playing) native.play().catch(() => {});
  }
  function draw() {
    const box = shown();
    if (box) {
      const { token, seconds } = box.dataset;
      const flow = heard && heard.kind === 'stream' && heard.token === token ? heard.flow : undefined;
      const started = flow && flow.from !== null && context.currentTime >= flow.from;
      const now = started ? 'sound' : flow !== undefined || awaited === token ? 'wait' : '';
      if ((box.dataset.now || '') !== now) box.dataset.now = now;
      const elapsed = started ? `${flow.played().toFixed(1)}${seconds ? ` / ${seconds}` : ''} s` : '';
      write(box.querySelector('.elapsed'), elapsed);
    }
    for (const button of document.querySelectorAll('[data-play]')) {
      const pressed = Boolean(heard && heard.kind === 'row' && heard.token === button.dataset.play);
      if (button.getAttribute('aria-pressed') !== String(pressed)) {
        button.setAttribute('aria-pressed', pressed);
      }
    }
  }
  setInterval(() => {
    if (!heard || !heard.flow) return;
    const { flow } = heard;
    if (flow.from !== null && context.currentTime >= flow.from) {
      sounded(performance.now() - 1000 * (context.currentTime - flow.from));
    }
    if (heard.complete && context.currentTime >= flow.end) {
      over(heard);
      context.suspend(); // let go of the loudspeaker
    } else draw();
  }, 50);

  // --- a button that is drawn anew keeps the focus
  let focused = null;
  function refocus() {
    if (!focused || focused.isConnected || document.activeElement !== document.body) return;
    const [name] = ['data-play', 'data-voice'].filter((key) => focused.hasAttribute(key));
    const same = `#${focused.dataset.home} [${name}="${CSS.escape(focused.getAttribute(name))}"]`;
    focused = document.querySelector(same);
    if (focused) focused.focus({ preventScroll: true });
  }
  document.addEventListener('focusin', (event) => {
    focused = event.target.closest('#takes [data-play], #compare :is([data-play], [data-voice])');
    if (focused) focused.dataset.home = focused.closest('#takes, #compare').id;
  });
  document.addEventListener('focusout', ({ target }) => {
    setTimeout(() => { if (target === focused && target.isConnected && document.activeElement !== target) focused = null; });
  });

  // at once: what Gradio calls may come a second later, when a browser sees no click in it
  document.addEventListener('click', (event) => {
    const { target } = event;
    if (target.closest('#speak')) press(event);
    else if (target.closest('#stop, #compare-stop, #forget')) halt();
    else if (target.closest('[data-play]')) toggle(target.closest('[data-play]').dataset.play);
  }, true);
  document.addEventListener('keydown', (event) => { // as Gradio submits a text of several lines
    if (event.key === 'Enter' && event.shiftKey && event.target.matches('#text textarea')) press(event);
  }, true);
  new MutationObserver(look).observe(document.documentElement, {
    childList: true, subtree: true, attributes: true, attributeFilter: ['data-token', 'data-state'],
  });
  return { playing: () => heard !== null, timings };
})();
