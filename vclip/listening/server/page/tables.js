// Tables of the researcher's page, drawn anew only where something changed, so that nothing jumps.
import { h } from './dom.js';

const drawn = new WeakMap();

function changed(place, data) {
  const now = JSON.stringify(data);
  if (drawn.get(place) === now) return false;
  drawn.set(place, now);
  return true;
}

const number = (value, digits = 2) => (value === null || value === undefined ? '–' : value.toFixed(digits).replace('-', '−'));
const span = (found, digits = 2, unit = 1) => (found.low === null ? '–' : `${number(unit * found.low, digits)} … ${number(unit * found.high, digits)}`);
const p = (value) => (value === null ? '–' : value < 0.001 ? '< 0.001' : value.toFixed(3));

function table(caption, head, rows, kind = '') {
  const cell = (value, i) => (value instanceof Node ? value : h(i ? 'td' : 'th', i ? { class: 'n' } : { scope: 'row' }, String(value)));
  return h('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': caption },
    h('table', { class: kind }, h('caption', {}, caption),
      h('thead', {}, h('tr', {}, head.map((name, i) => h('th', { scope: 'col', class: i ? 'n' : null }, name)))),
      h('tbody', {}, rows.map((row) => h('tr', {}, row.map(cell))))));
}

export function totals(place, { totals: found, excluded_by: rules }) {
  if (!changed(place, [found, rules])) return;
  const shown = [['Raters', found.raters], ['Finished', found.complete], ['Ratings', found.ratings], ['Excluded', found.excluded]];
  const why = Object.entries(rules).map(([rule, n]) => `${rule} ${n}`).join(', ');
  place.replaceChildren(...shown.map(([name, n]) => h('div', {}, h('dt', {}, name), h('dd', {}, n),
    name === 'Excluded' && why ? h('dd', { class: 'quiet' }, why) : null)));
}

export function cells(place, { questions, view }) {
  if (!changed(place, [questions, view])) return;
  const rest = view === 'raw' ? 'reserved for raters who are on their way' : 'reserved, or made by raters who are excluded';
  place.replaceChildren(h('p', { class: 'quiet' }, `Ratings made; after the plus sign ${rest}.`),
    ...questions.map((question) => h('div', { class: 'question' }, heading(question), grid(question))));
}

function heading({ id, type, prompt }, more = '') {
  return h('h3', {}, prompt || id, ' ', h('small', {}, `${id}, ${type}${more}`));
}

function grid({ id, quota, columns, rows }) {
  const cell = (found) => {
    if (!found) return h('td', { class: 'none' });
    const { rated, planned } = found;
    const open = planned - rated;
    const state = quota && rated >= quota ? 'full' : rated ? 'some' : '';
    return h('td', { class: state }, String(rated), quota ? h('small', {}, ` / ${quota}`) : null, open > 0 ? h('small', {}, ` +${open}`) : null);
  };
  const lines = rows.map((row) => [h('th', { scope: 'row' }, row.item), ...row.cells.map(cell)]);
  return table(`Cells of ${id}${quota ? `, ${quota} ratings wanted in each` : ''}`, ['Item', ...columns], lines, 'grid');
}

export function raters(place, { raters: found }) {
  if (!changed(place, found)) return;
  if (!found.length) return void place.replaceChildren(h('p', { class: 'quiet' }, 'Nobody has begun yet.'));
  const time = (iso) => new Date(iso).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' });
  const check = { true: 'passed', false: 'failed', null: '–' };
  const rows = [...found].reverse().map((one) => [one.rater, `${one.done} / ${one.total}`, time(one.created), time(one.seen), check[one.headphones],
    h('td', {}, one.reasons.length ? [h('span', { class: 'out' }, 'excluded'), ` ${one.reasons.join('; ')}`] : '–')]);
  place.replaceChildren(table('Every rater, the last one first', ['Rater', 'Answers', 'Began', 'Last seen', 'Headphones', 'Verdict'], rows));
}

export function results(place, { results: found, message }, images) {
  if (!found) {
    drawn.delete(place);
    return void place.replaceChildren(h('p', { class: 'quiet' }, `Nothing to analyse yet: ${message}.`));
  }
  place.replaceChildren(...found.questions.map((question) => one(question, found.labels, images)));
  return undefined;
}

function one(question, labels, images) {
  const of = (name) => labels[name] ?? name;
  const more = `, ${question.n_ratings} judgements of ${question.n_raters} raters on ${question.n_items} items`;
  const figures = images.filter((node) => node.dataset.name.startsWith(`${question.id}_`));
  return h('div', { class: 'question' }, heading(question, more),
    question.means.length ? means(question.means, of) : null,
    question.preferences ? strengths(question.preferences, of) : null,
    question.accuracies.length ? accuracies(question.accuracies, of) : null,
    pairs([...question.comparisons, ...(question.preferences?.comparisons ?? [])], of),
    question.agreement?.n_units && question.agreement.alpha !== null ? h('p', { class: 'quiet' }, agreement(question.agreement)) : null,
    h('div', { class: 'figures' }, figures));
}

function means(found, of) {
  const rows = found.map((m) => [of(m.condition), number(m.mean.value), span(m.mean), number(m.sd), m.n]);
  return table('Means', ['Condition', 'Mean', '95 % interval', 'SD', 'n'], rows);
}

function strengths({ strengths: found, n, ties }, of) {
  const rows = found.map((s) => [of(s.condition), number(s.strength.value), span(s.strength), `${s.wins} of ${s.n}`]);
  return table(`Preferences (${n} answers, ${ties} ties)`, ['Condition', 'Log-odds', '95 % interval', 'Preferred'], rows);
}

function accuracies(found, of) {
  const name = (a) => (a.name === 'all' ? 'all' : a.name.split(' ').map(of).join(' – '));
  const rows = found.map((a) => [name(a), `${a.right} of ${a.n}`, number(100 * a.share, 1), span(a.two_way, 1, 100), number(100 * a.chance, 1), p(a.p)]);
  return table('Right answers', ['Conditions', 'Right', '%', '95 % interval', 'Chance', 'p'], rows);
}

function pairs(found, of) {
  if (!found.length) return null;
  const rows = found.map((c) => [`${of(c.one)} – ${of(c.other)}`, number(c.difference.value), span(c.difference), p(c.p), p(c.p_holm)]);
  return table('Comparisons', ['Pair', 'Difference', '95 % interval', 'p', 'p (Holm)'], rows);
}

function agreement(found) {
  return `Krippendorff’s α ${number(found.alpha)}; reliability of the means ${number(found.reliability.mean)} (${found.reliability.kind}, k = ${number(found.reliability.k, 1)}), ${number(found.split_half)} by split halves.`;
}
