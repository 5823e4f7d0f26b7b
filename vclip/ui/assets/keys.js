// Gradio names every radio button differently, so the browser knows no group: arrows are ours.
const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
document.addEventListener('keydown', (event) => {
  const step = STEPS[event.key];
  if (!step || !event.target.matches('input[type=radio]')) return;
  const group = [...event.target.closest('fieldset').querySelectorAll('input[type=radio]')];
  const next = group[(group.indexOf(event.target) + step + group.length) % group.length];
  event.preventDefault();
  next.focus();
  next.click();
});
// How much of the limit the text takes, counted as Python counts.
document.addEventListener('input', (event) => {
  if (!event.target.matches('#text textarea')) return;
  const note = document.querySelector('#count .note');
  const length = [...event.target.value.trim()].length;
  note.querySelector('output').textContent = length;
  note.classList.toggle('over', length > Number(note.dataset.limit));
});
