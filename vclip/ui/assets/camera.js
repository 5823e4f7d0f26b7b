// Gradio asks for the camera and says nothing when the answer is no: <html data-camera="denied">.
if (navigator.mediaDevices?.getUserMedia) {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wish) => {
    try {
      const found = await ask(wish);
      delete document.documentElement.dataset.camera;
      return found;
    } catch {
      document.documentElement.dataset.camera = 'denied';
      return new Promise(() => {}); // Gradio 6.31 catches no refusal: it would be a page's error
    }
  };
} else {
  document.documentElement.dataset.camera = 'denied'; // no camera is offered to this page at all
}
