// The researcher's page: asks for everything anew every few seconds, with a token that only this tab keeps.
import { $, h, say } from './dom.js';
import { cells, raters, results, totals } from './tables.js';

const API = '/study/results/api';
const EVERY = 3000; // ms between two looks
const KEPT = 'vclip-research';
const MEANING = {
  clean: 'Without raters who broke a rule of the study file.',
  raw: 'With every rater, whatever rule they broke.',
};

const page = { token: sessionStorage.getItem(KEPT), view: 'clean', stamp: null, urls: [], timer: 0 };

async function ask(path) {
  const response = await fetch(`${API}/${path}`, { headers: { Authorization: `Bearer ${page.token}` }, cache: 'no-store' });
  if (response.ok) return response;
  const detail = await response.json().then((body) => body.detail, () => response.statusText);
  throw Object.assign(new Error(String(detail)), { status: response.status });
}

const json = async (path) => (await ask(path)).json();

async function look() {
  clearTimeout(page.timer);
  const { view } = page;
  try {
    const summary = await json(`summary?view=${view}`);
    if (view !== page.view) return;
    enter(summary);
    totals($('#totals'), summary);
    cells($('#cells'), summary);
    raters($('#raters'), summary);
    const stamp = `${view} ${summary.stamp}`;
    if (stamp !== page.stamp) await analyse(view);
    fresh();
  } catch (error) {
    if (error.status === 401) return void door(error.message);
    fresh(error.status ? error.message : 'The server cannot be reached; trying again.');
  }
  page.timer = setTimeout(look, EVERY);
}

async function analyse(view) {
  const found = await json(`results?view=${view}`);
  const images = await Promise.all(found.figures.map((name) => image(name, view)));
  if (view !== page.view) return;
  page.urls.forEach((url) => URL.revokeObjectURL(url));
  page.urls = images.map((node) => node.querySelector('img').src);
  results($('#results'), found, images);
  words(found);
  page.stamp = `${view} ${found.stamp}`; // may be older than what was asked for: then it is asked again
}

async function image(name, view) {
  const blob = await (await ask(`figures/${name}.svg?view=${view}`)).blob();
  const save = (kind) => h('button', { type: 'button', 'aria-label': `${name} as ${kind.toUpperCase()}`, onclick: () => download(`figures/${name}.${kind}?view=${view}`, `${name}_${view}.${kind}`) }, kind.toUpperCase());
  return h('figure', { 'data-name': name }, h('img', { src: URL.createObjectURL(blob), alt: `Figure ${name.replace('_', ': ')}; its numbers are in the table` }),
    h('figcaption', {}, h('span', {}, name), save('svg'), save('pdf')));
}

function words(found) {
  const copy = h('button', { type: 'button', onclick: async () => {
    try {
      await navigator.clipboard.writeText(found.text); // not there without https
    } catch {
      window.getSelection().selectAllChildren($('.words'));
      document.execCommand('copy');
    }
    copy.textContent = 'Copied';
    say('Copied');
  } }, 'Copy');
  $('#text').replaceChildren(...(found.text ? [h('p', { class: 'words' }, found.text), h('p', {}, copy)] : [h('p', { class: 'quiet' }, found.message)]));
}

async function download(path, name) {
  try {
    const url = URL.createObjectURL(await (await ask(path)).blob());
    h('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  } catch (error) {
    fresh(error.message);
  }
}

function enter({ study }) {
  document.title = `Results: ${study.title}`;
  $('#which').textContent = `${study.id}, version ${study.version}, study file ${study.sha256.slice(0, 12)}`;
  if (!$('#room').hidden) return;
  $('#door').hidden = true;
  $('#room').hidden = false;
  $('#room h1').textContent = study.title;
  $('#room h1').focus();
  page.name = study.id;
}

function door(message = '') {
  page.token = null;
  page.stamp = null;
  sessionStorage.removeItem(KEPT);
  $('#room').hidden = true;
  $('#door').hidden = false;
  $('#door .message').textContent = message;
  $('#door .message').hidden = !message;
  $('#token').value = '';
  $('#token').focus();
}

function fresh(trouble = '') {
  $('#trouble').textContent = trouble;
  $('#trouble').hidden = !trouble;
  $('#fresh').classList.toggle('stale', Boolean(trouble));
  if (!trouble) $('#fresh').textContent = `as of ${new Date().toLocaleTimeString()}`;
}

function choose(view) {
  page.view = view;
  $('#meaning').textContent = MEANING[view];
  if (page.token) look();
}

$('#door form').addEventListener('submit', (event) => {
  event.preventDefault();
  page.token = $('#token').value.trim();
  if (!page.token) return;
  sessionStorage.setItem(KEPT, page.token);
  look();
});
$('#leave').addEventListener('click', () => { clearTimeout(page.timer); door(); });
$('#view').addEventListener('change', (event) => choose(event.target.value));
const export_ = (label, path, name) => h('button', { type: 'button', onclick: () => download(`${path}?view=${page.view}`, `${page.name}_${name()}`) }, label);
$('#exports').append(
  export_('CSV', 'export.csv', () => `${page.view}.csv`), export_('JSON', 'export.json', () => `${page.view}.json`),
  export_('Dictionary', 'dictionary.csv', () => 'dictionary.csv'), export_('All as ZIP', 'export.zip', () => `${page.view}.zip`),
);
choose(document.querySelector('#view :checked').value);
if (!page.token) door();
