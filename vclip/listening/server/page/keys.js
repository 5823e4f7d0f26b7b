// Keys of a screen with sounds: it has a deck, and pick(value) and confirm() if it asks something.
// What has the focus keeps its own keys where they mean something there (a button's Enter, a slider's arrows).
export function listen(screen) {
  const handler = (event) => press(screen, event);
  document.addEventListener('keydown', handler);
  return () => document.removeEventListener('keydown', handler);
}

function press(screen, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) return;
  if (document.querySelector('dialog[open]') || event.target.closest('#foot, #notice, input[type=text]')) return;
  const act = action(screen, event);
  if (!act) return;
  event.preventDefault();
  if (!event.repeat) act();
}

function action(screen, { key, target }) {
  const on = (selector) => target.closest(selector) !== null;
  if (key === ' ') {
    const its = on('button') || on('input[type=checkbox]') || on('input[type=radio]:not(:checked)');
    return its ? null : () => screen.deck.current.toggle();
  }
  if (key === 'Enter') return on('button') && !ready(screen) ? null : () => screen.confirm?.();
  if (key === 'ArrowLeft' || key === 'ArrowRight') {
    if (on('input') || screen.deck.sounds.length < 2) return null;
    return () => screen.deck.choose(screen.deck.at + (key === 'ArrowRight' ? 1 : -1));
  }
  const value = screen.pick && valueOf(screen, key);
  return value ? () => screen.pick(value) : null;
}

function ready(screen) { // Enter on a play button confirms once there is something to confirm
  return screen.button !== undefined && !screen.button.disabled;
}

function valueOf(screen, key) {
  const values = [...screen.answer.node.querySelectorAll('input[type=radio]')].map((input) => input.value);
  const value = key.toLowerCase() === 't' ? 'tie' : key.toUpperCase();
  if (values.includes(value)) return value;
  return null;
}
