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

// On a stage (html.stage) single keys do what a talk needs. They come first (capture), so that
// Space does not also press whatever has the focus.
const TYPING = 'input:not([type=radio], [type=checkbox], [type=button]), textarea, select, [contenteditable]';
const press = (id) => {
  const found = document.querySelector(`${id} button, button${id}, ${id}`);
  if (!found || found.disabled) return;
  if (document.activeElement !== document.body) document.activeElement.blur();
  found.click();
};
const STAGE_KEYS = {
  ' ': () => press(window.vclip?.playing?.() ? '#stop' : '#speak'),
  r: () => press('#resample'),
  Escape: () => press('#forget'),
};
document.addEventListener('keydown', (event) => {
  if (!document.documentElement.classList.contains('stage') || event.isComposing) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.target.closest(TYPING) && event.key !== 'Escape') return;
  const row = /^[1-9]$/.test(event.key) && Number(event.key);
  const rows = document.querySelectorAll('#voices [role=option]');
  const act = row ? rows[row - 1] && (() => rows[row - 1].click()) : STAGE_KEYS[event.key]
    ?? STAGE_KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}, true);
