// Elements in one line each; all text goes in as text, never as HTML.
export function h(tag, attributes = {}, ...children) {
  const svg = ['svg', 'rect'].includes(tag);
  const node = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const $ = (selector) => document.querySelector(selector);

// A new screen: its heading gets the focus, so that it is read out and Tab starts there.
export function show(...children) {
  const screen = $('#screen');
  screen.replaceChildren(...children);
  screen.removeAttribute('aria-busy');
  window.scrollTo(0, 0);
  const heading = screen.querySelector('h1');
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  return screen;
}

export function say(text) { // to those who do not see the screen; the same words again are news, too
  const live = $('#live');
  live.textContent = live.textContent === text ? `${text}\u00a0` : text;
}

export function card(...children) {
  return h('section', { class: 'card narrow stack' }, ...children);
}

export function copyable(code, label, words) {
  const shown = h('output', { 'aria-label': label }, code);
  const button = h('button', { type: 'button', onclick: () => copy(code, shown, button, words) }, words.copy);
  return h('div', { class: 'code' }, shown, button);
}

async function copy(code, shown, button, words) {
  try {
    await navigator.clipboard.writeText(code); // not there without https
  } catch {
    window.getSelection().selectAllChildren(shown);
    document.execCommand('copy');
  }
  button.textContent = words.copied;
  say(words.copied);
}
