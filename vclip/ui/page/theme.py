"""Theme of the page: system fonts (nothing is fetched), style sheets, scripts, icon."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parents[1] / "assets"
CSS = [ASSETS / f"{name}.css" for name in ("style", "voices", "speech", "cards")]
SCRIPTS = ("keys", "camera", "flow", "estimate", "player")
ICON, THUMBNAIL = ASSETS / "icon.png", ASSETS / "thumbnail.png"
# Beyond the reach of Gradio's `css`, which stays below its own container: its footer, of which only
# a dot is left on a phone, and what depends on a mark of <html>
OUTSIDE = (
    "<style>@media (max-width: 700px) { footer { display: none !important; } } "
    "html:not([data-camera='denied']) #camera-denied { display: none !important; }</style>"
)
STAGED = "<script>document.documentElement.classList.add('stage');</script>"
SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def head(stage: bool = False) -> str:
    """HTML for <head>: styles, scripts, icon; in stage mode <html> has the class `stage`."""
    scripts = [(ASSETS / f"{name}.js").read_text() for name in SCRIPTS]
    # not among CSS: Gradio would put a selector of its own before `html.stage`
    style = f"<style>{(ASSETS / 'stage.css').read_text()}</style>"
    shown = OUTSIDE + (STAGED + style) * stage
    return shown + "".join(f"<script>{script}</script>" for script in scripts)


def theme() -> gr.themes.Base:
    """Soft greys with one indigo accent, for light and dark."""
    soft = gr.themes.Soft(
        primary_hue="indigo",
        secondary_hue="indigo",
        neutral_hue="slate",
        font=SANS,
        font_mono=MONO,
        radius_size="md",
    )
    plain = {  # labels as text, not as badges
        f"block_{kind}_{what}{mode}": value
        for kind in ("label", "title")
        for mode in ("", "_dark")
        for what, value in {
            "background_fill": "transparent",
            "text_color": "*body_text_color",
        }.items()
    }
    return soft.set(
        **plain,
        block_title_padding="0",
        block_title_text_weight="600",
        block_title_text_size="*text_sm",
        block_label_text_size="*text_sm",
        block_info_text_size="*text_xs",
        block_shadow="none",
        block_shadow_dark="none",
        block_border_width="1px",
        block_border_color="*neutral_200",
        body_text_color_subdued="*neutral_600",  # readable: at least 4.5 : 1 on the ground
        body_text_color_subdued_dark="*neutral_300",  # the same on fields
        checkbox_label_background_fill_selected="*primary_600",  # white is written on it
        checkbox_label_background_fill_selected_dark="*primary_600",
        checkbox_label_shadow="none",
        checkbox_label_background_fill_dark="transparent",
        checkbox_border_color="*neutral_400",
        checkbox_border_color_dark="*neutral_400",
        input_shadow="none",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_600",
        button_border_width="1px",
        button_secondary_shadow="none",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_600",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_border_color="*primary_600",
        button_primary_text_color="white",
    )
