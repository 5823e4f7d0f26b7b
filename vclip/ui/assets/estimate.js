// How long a text is, how long its speech, and when that can be heard: said in #count before the
// click, learnt from what was spoken. streams: whether speech is heard while it is spoken.
window.vclipEstimate = (streams) => {
  const FIRST = 1; // seconds of speech that must be there before a stream sounds, at most
  const EDGES = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g; // as Python strips
  let pledge = null; // what was expected of the take that Speak starts
  let pace = null; // characters per second of the last take
  let overhead = 0.15; // seconds from a click to the first sound that are not the model's work

  function expected() {
    const note = document.querySelector('#count [data-limit]');
    const area = document.querySelector('#text textarea');
    if (!note || !area) return { length: 0, work: 0, seconds: 0 };
    const text = area.value.replace(EDGES, '');
    const length = [...text].length;
    const [rate, pause] = [...document.querySelectorAll('#manner input[type=range]')].map((range) => Number(range.value));
    const silence = (text.match(/[.!?…]["”’)]*\s+(?=\S)/g) || []).length * (pause || 0);
    const total = length / ((pace ?? Number(note.dataset.pace)) * (rate || 1)) + silence;
    const seconds = streams ? Math.min(total, FIRST) : total; // that must be there to begin
    return { note, length, rate: rate || 1, silence, total, seconds, work: Number(note.dataset.work) };
  }
  function begin(last) { // Speak was pressed while this token was the last one
    pledge = { ...expected(), last };
  }
  function sounded(waited) { // seconds from the click
    const { work, seconds } = expected();
    overhead = Math.min(Math.max(waited - work * seconds, 0), 3);
    count();
  }
  function spoken(token, seconds) { // all of it
    if (!pledge || token === pledge.last) return;
    const { length, rate, silence } = pledge;
    pledge = null;
    if (length >= 20 && seconds > silence) pace = length / (rate * (seconds - silence));
  }
  function count() {
    const { note, length, total, seconds, work } = expected();
    if (!note) return;
    const said = {
      length: String(length),
      seconds: total.toFixed(total < 10 ? 1 : 0),
      wait: Math.max(overhead + work * seconds, 0.1).toFixed(1),
    };
    const outputs = note.querySelectorAll('output');
    for (const output of outputs) {
      const text = said[output.dataset.of];
      if (output.textContent !== text) output.textContent = text;
    }
    note.classList.toggle('over', length > Number(note.dataset.limit));
  }

  document.addEventListener('input', () => requestAnimationFrame(count));
  return { begin, sounded, spoken, count };
};
