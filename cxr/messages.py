"""What can be found of a picture or an answer, and how it is said.

A finding is a code and its values, so that a page may say it in another language and a test may
ask for it by name; its text is English unless asked otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["en", "fr"]

_EN = {
    # Why a picture is not classified.
    "colour": "this looks like a photograph: it has colour",
    "header_lateral": "its header says that it was taken from the side; a frontal view is needed",
    "header_body_part": "its header says that it shows another part of the body ({part})",
    "kind_turned": "this may be a chest radiograph that is turned or inverted, but not surely",
    "kind_lateral": "this looks like a lateral view; a frontal one is needed",
    "kind_ct": "this looks like a CT slice",
    "kind_bones": "this looks like a radiograph of another part of the body",
    "kind_other": "this does not look like a radiograph",
    "no_lungs": "no two lung fields were found",
    "unlike_all": "it is unlike every chest radiograph that is known here",
    # What to know of an answer.
    "inverted": "black and white were exchanged: it was classified with them put back",
    "upside_down": "the radiograph is upside down: it was classified upright",
    "on_its_side": "the radiograph lies on its side: it was classified upright",
    "few_pixels": "only {width}×{height} pixels: fine signs cannot be seen",
    "low_contrast": "very low contrast",
    "clipped": "over- or underexposed: much of it is pure black or white",
    "tinted": "the picture is tinted: is it a photograph of a radiograph?",
    "lungs_cut_off": "the lungs are cut off at the edge",
    "tilted": "the chest is tilted by about {degrees}°",
    "adult": "probably an adult: the model was trained on children of 1–5 years",
    "age": "the patient is {years} years old: the model was trained on children of 1–5 years",
    "infant": "the patient is under 1 year old: the model was trained on children of 1–5 years",
    # What the heatmap is worth.
    "heat_none": "there is no heat on this radiograph",
    "heat_between": "{lungs} % of the heat lies in the lungs, {rest} % on heart and mediastinum",
    "heat_above": "{lungs} % of the heat lies in the lungs, {rest} % on neck and shoulders",
    "heat_below": "{lungs} % of the heat lies in the lungs, {rest} % below the diaphragm",
    "heat_beside": "{lungs} % of the heat lies in the lungs, {rest} % on chest wall and arms",
    "heat_edge": "{lungs} % of the heat lies in the lungs, {rest} % at the radiograph's edge",
    "heat_matters": "blurring the hottest tenth changes the answer far more than elsewhere",
    "heat_matters_little": "blurring the hottest tenth changes the answer little more than "
    "elsewhere",
    "heat_misleads": "blurring the hottest tenth changes the answer no more than elsewhere: the "
    "heatmap does not explain this answer",
    "verdict_holds": "each single view, mirrored or moved a little, gives the same verdict",
    "verdict_wavers": "a single view, mirrored or moved a little, would give another verdict",
}
_FR = {
    "colour": "cela ressemble à une photographie : il y a de la couleur",
    "header_lateral": "son en-tête le dit pris de profil ; il faut une vue de face",
    "header_body_part": "son en-tête dit qu'il montre une autre partie du corps ({part})",
    "kind_turned": "c'est peut-être une radiographie thoracique tournée ou inversée, "
    "sans certitude",
    "kind_lateral": "cela ressemble à une vue de profil ; il en faut une de face",
    "kind_ct": "cela ressemble à une coupe de scanner",
    "kind_bones": "cela ressemble à la radiographie d'une autre partie du corps",
    "kind_other": "cela ne ressemble pas à une radiographie",
    "no_lungs": "on n'y trouve pas deux champs pulmonaires",
    "unlike_all": "il ne ressemble à aucune radiographie thoracique connue ici",
    "inverted": "le noir et le blanc étaient échangés : classé après les avoir rétablis",
    "upside_down": "le cliché est à l'envers : classé à l'endroit",
    "on_its_side": "le cliché est couché : classé redressé",
    "few_pixels": "seulement {width}×{height} pixels : les signes fins ne s'y voient pas",
    "low_contrast": "contraste très faible",
    "clipped": "sur- ou sous-exposé : une grande partie est toute noire ou toute blanche",
    "tinted": "l'image est teintée : est-ce la photographie d'un cliché ?",
    "lungs_cut_off": "les poumons sont coupés par le bord",
    "tilted": "le thorax est incliné d'environ {degrees}°",
    "adult": "probablement un adulte : le modèle a été entraîné sur des enfants de 1 à 5 ans",
    "age": "le patient a {years} ans : le modèle a été entraîné sur des enfants de 1 à 5 ans",
    "infant": "le patient a moins d'un an : le modèle a été entraîné sur des enfants de 1 à 5 ans",
    "heat_none": "aucune chaleur sur ce cliché",
    "heat_between": "{lungs} % de la chaleur est dans les poumons, {rest} % sur le cœur et le "
    "médiastin",
    "heat_above": "{lungs} % de la chaleur est dans les poumons, {rest} % sur le cou et les "
    "épaules",
    "heat_below": "{lungs} % de la chaleur est dans les poumons, {rest} % sous le diaphragme",
    "heat_beside": "{lungs} % de la chaleur est dans les poumons, {rest} % sur la paroi et "
    "les bras",
    "heat_edge": "{lungs} % de la chaleur est dans les poumons, {rest} % au bord du cliché",
    "heat_matters": "flouter le dixième le plus chaud change la réponse bien plus qu'ailleurs",
    "heat_matters_little": "flouter le dixième le plus chaud change la réponse à peine plus "
    "qu'ailleurs",
    "heat_misleads": "flouter le dixième le plus chaud ne change pas plus la réponse qu'ailleurs : "
    "la carte n'explique pas cette réponse",
    "verdict_holds": "chaque vue seule, en miroir ou un peu déplacée, donne le même verdict",
    "verdict_wavers": "une vue seule, en miroir ou un peu déplacée, donnerait un autre verdict",
}
TEXTS: dict[Language, dict[str, str]] = {"en": _EN, "fr": _FR}


@dataclass(frozen=True)
class Message:
    """One thing that was found.

    Attributes:
        code: a key of the texts of each language.
        values: what its text names.
    """

    code: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        """In English, without a capital and without a full stop."""
        return self.say("en")

    def say(self, language: Language) -> str:
        """In a language, without a capital and without a full stop."""
        return TEXTS[language][self.code].format(**self.values)
