// Clicks on the buttons inside a gr.HTML become Gradio events.
element.addEventListener('click', (event) => {
  const face = event.target.closest('[data-face]');
  if (face) return trigger('face', { index: Number(face.dataset.face) });
  const example = event.target.closest('[data-example]');
  if (example) return trigger('example', { index: Number(example.dataset.example) });
  const voice = event.target.closest('[data-voice]');
  if (voice) return trigger('pick', { id: voice.dataset.voice });
});
