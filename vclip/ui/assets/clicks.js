// Clicks inside a gr.HTML become Gradio events. On the map the nearest voice counts, for fingers.
const nearest = (event) => {
  let best = null;
  let least = event.pointerType === 'touch' ? 22 : 9; // CSS pixels
  for (const point of element.querySelectorAll('.pt')) {
    const box = point.getBoundingClientRect();
    const dx = event.clientX - (box.left + box.right) / 2;
    const dy = event.clientY - (box.top + box.bottom) / 2;
    if (Math.hypot(dx, dy) < least) {
      least = Math.hypot(dx, dy);
      best = point;
    }
  }
  return best;
};

element.addEventListener('click', (event) => {
  const face = event.target.closest('[data-face]');
  if (face) return trigger('face', { index: Number(face.dataset.face) });
  const example = event.target.closest('[data-example]');
  if (example) return trigger('example', { index: Number(example.dataset.example) });
  const map = event.target.closest('.voicemap svg');
  if (!map) return;
  const point = event.target.closest('.pt') || nearest(event);
  if (point) return trigger('pick', { id: point.dataset.id });
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
  trigger('spot', { x: at.x, y: at.y }); // perhaps one of the generated voices
});
