"""Every text of the page in each of its languages; messages are in `cxr.messages`.

The browser chooses among them, so that a switch of language needs no request. A test keeps the
languages alike: the same keys, and the same names in braces.
"""

from __future__ import annotations

from typing import Any

from cxr import messages as messages

Texts = dict[str, Any]

TITLE = (
    "Pneumonia on children's chest radiographs"  # of the browser's tab, before a language is known
)

_EN: Texts = {
    "title": "Pneumonia on children's chest radiographs",
    # Stays on the page whatever is shown.
    "disclaimer": (
        "For research and teaching. Not a medical device. Trained on radiographs of children of "
        "1–5 years, anterior-posterior. What is not recognised as a frontal chest radiograph "
        "is refused; that check can err, too."
    ),
    "privacy": (
        "Uploads are deleted within minutes, and nothing else is kept. Use only radiographs "
        "without names."
    ),
    "privacy_notes": (
        "Uploads are deleted within minutes. What you note on a verdict is sent to the operator "
        "of this page: your reading, remark and the numbers, without radiograph and name. "
        "Nothing else is kept. Use only radiographs without names."
    ),
    "other_language": "Français",
    "theme": "Light or dark",
    "views": "Parts of the page",
    "view_one": "One radiograph",
    "view_many": "Many radiographs",
    "view_about": "About the model",
    "choose": "Choose a radiograph",
    # Many radiographs.
    "many_files": "Choose radiographs or a ZIP",
    "many_folder": "Choose a folder",
    "many_cancel": "Cancel",
    "many_csv": "Table (CSV)",
    "many_overlays": "Radiographs with heatmaps (ZIP)",
    "many_hint": (
        "Or drop a folder or a ZIP here. Radiographs are sent one by one and deleted within "
        "minutes; the list stays in your browser. Verdicts are at the threshold that you set "
        "for one radiograph. Click a name to open the radiograph."
    ),
    "many_progress": "Radiographs done",
    "many_status": "{done} of {total}; {refused} refused, {failed} unreadable",
    "many_packing": "Drawing heatmap {done} of {total}",
    "many_archive": "{name}: this ZIP archive cannot be read.",
    "many_most": "More than {most} files: choose fewer.",
    "many_file": "File",
    "many_remarks": "Remarks",
    "many_statuses": {"refused": "Refused", "error": "Unreadable"},
    "examples": "Or click an example: each is the mean of nine radiographs, and nobody's.",
    "example_kinds": {"normal": "Normal", "bacterial": "Bacterial", "viral": "Viral"},
    # Which model answers.
    "model_loading": (
        "The model is loading; a radiograph that you choose now is answered when it is ready."
    ),
    "model_ready": "Model {name} {version} ({sha256}){origin}, trained on: {population}",
    "model_origin": " from {origin}",
    "model_failed": "The model cannot be used: {error}",
    "fallback": "This is the bundled model, not the one that was asked for. {reason}",
    # Why a radiograph has no answer.
    "refused": "{name}: not classified, because {reasons}",
    "unread": "This file cannot be read.",
    "expired": "This radiograph is no longer held here. Choose it again.",
    "failed": (
        "Something went wrong with this radiograph, and it was not classified. Try another one."
    ),
    # The viewer.
    "invitation": "Drop a chest radiograph here, paste it, or choose a file",
    "formats": "JPEG, PNG or DICOM",
    "image": "Radiograph",
    "stage": "Radiograph: wheel or + and − zoom, drag or arrows move, double click shows all",
    "tools": "Tools of the viewer",
    "tool_heat": "Heatmap",
    "tool_contour": "Contours",
    "tool_side": "Side by side",
    "tool_invert": "Invert",
    "tool_levels": "Brightness",
    "tool_levels_long": (
        "Dragging changes contrast (sideways) and brightness (up and down), as it does with the "
        "right mouse button or with Shift"
    ),
    "tool_closer": "Closer",
    "tool_further": "Further away",
    "tool_whole": "Fit",
    "probability": "Probability of pneumonia",
    "verdict": "Verdict",
    "verdicts": {"PNEUMONIA": "Pneumonia", "NORMAL": "Normal", "UNCERTAIN": "Uncertain"},
    "reasons": {
        "PNEUMONIA": "at or above the threshold",
        "NORMAL": "below the threshold",
        "UNCERTAIN": "between the model's two outer thresholds: choose one to decide",
    },
    "threshold": "Threshold",
    "shipped": "the model's",
    "own": "yours",
    "reset": "Back to the model's threshold",
    "stops": "The model's thresholds",
    "stop_names": {
        "high_sensitivity": "Sensitive",
        "threshold": "Balanced",
        "high_specificity": "Specific",
    },
    "sensitivity": "Pneumonia found",
    "specificity": "Normal radiographs left alone",
    "share_line": "{share} ({low}–{high}), {count} of {all}",
    "source": (
        "Shares with their 95 % interval, on {images} radiographs of {patients} patients, each "
        "scored by a network that never saw its patient ({folds} folds). Expect less elsewhere."
    ),
    "thousand_title": "Of 1,000 such children",
    "prevalence": "How many of them have pneumonia",
    "frequencies": (
        "Of {positive} with pneumonia, {found} would be found and {missed} missed. Of {negative} "
        "without, {alarms} would be called pneumonia."
    ),
    "predictive": (
        "A radiograph called pneumonia is pneumonia with a probability of {positive}; one "
        "called normal is normal with {negative}."
    ),
    # The reader first; and what the reader thinks of the answer.
    "first": "Read first: the model's answer appears after mine",
    "own_title": "Your reading",
    "own_normal": "Normal",
    "own_pneumonia": "Pneumonia",
    "own_confidence": "How sure are you",
    "own_show": "Show the model's answer",
    "session": "{read} radiographs read first; you and the model agree on {agreed}.",
    "session_uncertain": "It was uncertain of {uncertain}.",
    "session_download": "My notes (CSV)",
    "session_clear": "Forget them",
    "feedback_title": "Do you agree with the verdict?",
    "feedback_agree": "Agree",
    "feedback_disagree": "Disagree",
    "feedback_comment": "Comment, without names",
    "feedback_save": "Note it",
    "feedback_saved": "Noted in this browser.",
    "feedback_kept": "Noted, and sent to the operator of this page without radiograph and name.",
    # About the model.
    "roc_label": "ROC curve",
    "roc_x": "Normal radiographs called pneumonia",
    "roc_y": "Pneumonia found",
    "roc_caption": "ROC curve; the dots are the model's three thresholds.",
    "threshold_label": "Sensitivity and specificity by threshold",
    "share": "Share",
    "threshold_caption": (
        "Pneumonia found (orange) and normal radiographs left alone (green) from each threshold "
        "on; the dashed lines are the model's three."
    ),
    "card_language": "",
    "worth_title": "What the heatmap and the verdict are worth here",
    "keep_report": "Report (PDF)",
    "keep_overlay": "Radiograph with heatmap (PNG)",
    "keep_dicom": "Secondary Capture and SR (DICOM)",
    "keep_identifiers": "with the study's identifiers",
    "opacity": "Opacity",
    "legend_low": "no evidence",
    "legend_high": "strongest",
    "legend": (
        "Grad-CAM: where the evidence for pneumonia lies, on one scale for all radiographs. "
        "It explains the number; it is no outline of disease."
    ),
    "legend_normal": (
        "The verdict is normal: this shows where the little evidence lies that there is. It is "
        "not a sign of disease."
    ),
}

_FR: Texts = {
    "title": "Pneumonie sur la radiographie thoracique de l'enfant",
    "disclaimer": (
        "Pour la recherche et l'enseignement. Pas un dispositif médical. Entraîné sur des clichés "
        "d'enfants de 1 à 5 ans, de face (antéro-postérieur). Ce qui n'est pas reconnu comme une "
        "radiographie thoracique de face est refusé ; ce contrôle aussi peut se tromper."
    ),
    "privacy": (
        "Les fichiers envoyés sont effacés en quelques minutes, et rien d'autre n'est conservé. "
        "N'utilisez que des clichés sans nom."
    ),
    "privacy_notes": (
        "Les fichiers envoyés sont effacés en quelques minutes. Ce que vous notez sur un verdict "
        "est envoyé à l'exploitant de cette page : votre lecture, votre remarque et les nombres, "
        "sans cliché ni nom. Rien d'autre n'est conservé. N'utilisez que des clichés sans nom."
    ),
    "other_language": "English",
    "theme": "Clair ou sombre",
    "views": "Parties de la page",
    "view_one": "Un cliché",
    "view_many": "Plusieurs clichés",
    "view_about": "À propos du modèle",
    "choose": "Choisir une radiographie",
    "many_files": "Choisir des clichés ou un ZIP",
    "many_folder": "Choisir un dossier",
    "many_cancel": "Arrêter",
    "many_csv": "Tableau (CSV)",
    "many_overlays": "Clichés et cartes (ZIP)",
    "many_hint": (
        "Ou déposez ici un dossier ou un ZIP. Les clichés sont envoyés un par un et effacés "
        "en quelques minutes ; la liste reste dans votre navigateur. Les verdicts sont au seuil "
        "que vous avez choisi pour un cliché. Cliquez sur un nom pour ouvrir le cliché."
    ),
    "many_progress": "Clichés traités",
    "many_status": "{done} sur {total} ; {refused} refusés, {failed} illisibles",
    "many_packing": "Carte {done} sur {total}",
    "many_archive": "{name} : cette archive ZIP ne peut pas être lue.",
    "many_most": "Plus de {most} fichiers : choisissez-en moins.",
    "many_file": "Fichier",
    "many_remarks": "Remarques",
    "many_statuses": {"refused": "Refusé", "error": "Illisible"},
    "examples": "Ou un exemple : chacun est la moyenne de neuf clichés, et de personne.",
    "example_kinds": {"normal": "Normal", "bacterial": "Bactérienne", "viral": "Virale"},
    "model_loading": "Le modèle se charge ; un cliché choisi maintenant aura sa réponse ensuite.",
    "model_ready": "Modèle {name} {version} ({sha256}){origin}, entraîné sur : {population}",
    "model_origin": " de {origin}",
    "model_failed": "Le modèle ne peut pas servir : {error}",
    "fallback": "C'est le modèle fourni, et non celui qui a été demandé. {reason}",
    "refused": "{name} : non classé, car {reasons}",
    "unread": "Ce fichier ne peut pas être lu.",
    "expired": "Ce cliché n'est plus gardé ici. Choisissez-le de nouveau.",
    "failed": "Ce cliché n'a pas pu être classé à la suite d'une erreur. Essayez-en un autre.",
    "invitation": "Déposez ici une radiographie thoracique, collez-la ou choisissez un fichier",
    "formats": "JPEG, PNG ou DICOM",
    "image": "Radiographie",
    "stage": (
        "Radiographie : molette ou + et − pour le zoom, glisser ou flèches pour déplacer, double "
        "clic pour tout voir"
    ),
    "tools": "Outils de la visionneuse",
    "tool_heat": "Chaleur",
    "tool_contour": "Contours",
    "tool_side": "Côte à côte",
    "tool_invert": "Inverser",
    "tool_levels": "Luminosité",
    "tool_levels_long": (
        "Glisser change le contraste (de côté) et la luminosité (de haut en bas), comme avec le "
        "bouton droit de la souris ou la touche Maj"
    ),
    "tool_closer": "Plus près",
    "tool_further": "Plus loin",
    "tool_whole": "Tout",
    "probability": "Probabilité de pneumonie",
    "verdict": "Verdict",
    "verdicts": {"PNEUMONIA": "Pneumonie", "NORMAL": "Normal", "UNCERTAIN": "Incertain"},
    "reasons": {
        "PNEUMONIA": "au seuil ou au-dessus",
        "NORMAL": "sous le seuil",
        "UNCERTAIN": "entre les deux seuils extrêmes du modèle : choisissez-en un pour trancher",
    },
    "threshold": "Seuil",
    "shipped": "du modèle",
    "own": "le vôtre",
    "reset": "Revenir au seuil du modèle",
    "stops": "Les seuils du modèle",
    "stop_names": {
        "high_sensitivity": "Sensible",
        "threshold": "Équilibré",
        "high_specificity": "Spécifique",
    },
    "sensitivity": "Pneumonies trouvées",
    "specificity": "Clichés normaux épargnés",
    "share_line": "{share} ({low}–{high}), {count} sur {all}",
    "source": (
        "Parts avec leur intervalle à 95 %, sur {images} clichés de {patients} patients, chacun "
        "noté par un réseau qui n'a jamais vu son patient ({folds} plis). Attendez-vous à moins "
        "ailleurs."
    ),
    "thousand_title": "Sur 1 000 enfants comme ceux-ci",
    "prevalence": "Combien ont une pneumonie",
    "frequencies": (
        "Sur {positive} avec pneumonie, {found} seraient trouvées et {missed} manquées. Sur "
        "{negative} sans, {alarms} seraient dites pneumonie."
    ),
    "predictive": (
        "Un cliché dit pneumonie l'est dans {positive} des cas ; un cliché dit normal l'est dans "
        "{negative} des cas."
    ),
    "first": "Lire d'abord : la réponse du modèle vient après la mienne",
    "own_title": "Votre lecture",
    "own_normal": "Normal",
    "own_pneumonia": "Pneumonie",
    "own_confidence": "Votre certitude",
    "own_show": "Montrer la réponse du modèle",
    "session": "{read} clichés lus d'abord ; vous et le modèle êtes d'accord sur {agreed}.",
    "session_uncertain": "Il était incertain de {uncertain}.",
    "session_download": "Mes notes (CSV)",
    "session_clear": "Les oublier",
    "feedback_title": "Êtes-vous d'accord avec le verdict ?",
    "feedback_agree": "D'accord",
    "feedback_disagree": "Pas d'accord",
    "feedback_comment": "Commentaire, sans nom",
    "feedback_save": "Noter",
    "feedback_saved": "Noté dans ce navigateur.",
    "feedback_kept": "Noté, et envoyé à l'exploitant de cette page sans cliché ni nom.",
    "roc_label": "Courbe ROC",
    "roc_x": "Clichés normaux dits pneumonie",
    "roc_y": "Pneumonies trouvées",
    "roc_caption": "Courbe ROC ; les points sont les trois seuils du modèle.",
    "threshold_label": "Sensibilité et spécificité selon le seuil",
    "share": "Part",
    "threshold_caption": (
        "Pneumonies trouvées (orange) et clichés normaux épargnés (vert) à partir de chaque seuil "
        "; les tirets sont les trois du modèle."
    ),
    "card_language": "La fiche du modèle est en anglais.",
    "worth_title": "Ce que valent ici la carte et le verdict",
    "keep_report": "Rapport (PDF)",
    "keep_overlay": "Cliché et carte (PNG)",
    "keep_dicom": "Capture secondaire et SR (DICOM)",
    "keep_identifiers": "avec les identifiants de l'examen",
    "opacity": "Opacité",
    "legend_low": "aucun indice",
    "legend_high": "le plus fort",
    "legend": (
        "Grad-CAM : où se trouvent les indices de pneumonie, sur une même échelle pour tous les "
        "clichés. Elle explique le nombre ; elle ne délimite pas la maladie."
    ),
    "legend_normal": (
        "Le verdict est normal : la carte montre où se trouvent les rares indices. Ce n'est pas un "
        "signe de maladie."
    ),
}

LANGUAGES: dict[messages.Language, Texts] = {
    "en": {**_EN, "messages": messages.TEXTS["en"]},
    "fr": {**_FR, "messages": messages.TEXTS["fr"]},
}
