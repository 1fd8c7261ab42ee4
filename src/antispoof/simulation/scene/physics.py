"""Physical constants of the simulated scene, each with its source.

Reflectances are diffuse, linear and between 0 and 1, for red, green, blue and the 850 nm band of active
infrared cameras; emissivities are for the 8-14 µm band of thermal cameras.

Sources:
    [Cooksey] C. Cooksey, D. Allen, B. Tsai, "Reference data set of human skin reflectance", J. Res. NIST
    122:26,
        2017: 100 people, 250-2500 nm. Light skin reflects about 0.35/0.45/0.65 at 450/550/650 nm and
        0.55-0.65 at 850 nm; dark skin loses most of it below 600 nm and little at 850 nm.
    [Jacques] S. L. Jacques, "Optical properties of biological tissues: a review", Phys. Med. Biol. 58, R37,
    2013:
        melanin absorbs as λ^-3.33 or so, hence skin tones and dark hair converge in the near infrared.
    [Steketee] J. Steketee, "Spectral emissivity of skin and pericardium", Phys. Med. Biol. 18, 686, 1973:
    0.98. [Wolfe] W. L. Wolfe, G. J. Zissis, The Infrared Handbook, 1978: paper 0.93, glass 0.92 (opaque
    beyond 5 µm),
        plastics and paints 0.90-0.95, rubber 0.95, cloth 0.95.
    [Ring] E. F. J. Ring, K. Ammer, "Infrared thermal imaging in medicine", Physiol. Meas. 33, R33, 2012:
    facial
        skin of 32-36 °C at room temperature, forehead and inner eye corners warmest, nose and ears coolest.
    [Dodgson] N. A. Dodgson, "Variation and extrema of human interpupillary distance", SPIE 5291, 2004: mean
    63 mm,
        standard deviation 3.8 mm.
    [Farkas] L. G. Farkas, Anthropometry of the Head and Face, 1994: face breadth about 137 mm, nasion to
    chin about
        118 mm, nose protrusion about 20 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["INTERPUPILLARY_MM", "MATERIALS", "SKIN_DARK", "SKIN_LIGHT", "SKIN_TEMPERATURE_C", "Material"]

INTERPUPILLARY_MM = (63.0, 3.8)
"""Mean and standard deviation [Dodgson]."""

SKIN_LIGHT = (0.60, 0.42, 0.33, 0.60)
"""Red, green, blue and 850 nm reflectance of the lightest skin [Cooksey]."""

SKIN_DARK = (0.115, 0.062, 0.042, 0.40)
"""The same of the darkest [Cooksey, Jacques]."""

SKIN_TEMPERATURE_C = {
    "forehead": 34.6,
    "cheek": 33.2,
    "nose": 31.8,
    "eye_corner": 35.6,
    "ear": 30.5,
    "neck": 34.6,
}
"""Surface temperature at 22 °C [Ring]."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a surface does with light and heat.

    Attributes:
        reflectance: red, green, blue and 850 nm, 0 to 1.
        emissivity: 8-14 µm, 0 to 1.
        gloss: strength of the mirror-like reflection, 0 to 1.
    """

    reflectance: tuple[float, float, float, float]
    emissivity: float
    gloss: float


MATERIALS = {
    "skin": Material(SKIN_LIGHT, 0.98, 0.05),  # [Steketee]; the reflectance is the subject's own
    "hair": Material(
        (0.030, 0.022, 0.017, 0.22), 0.96, 0.06
    ),  # dark hair is much brighter at 850 nm [Jacques]
    "eye": Material((0.55, 0.52, 0.50, 0.38), 0.97, 0.30),
    "cloth": Material((0.15, 0.17, 0.22, 0.42), 0.95, 0.0),  # most dyes are transparent at 850 nm
    "wall": Material((0.55, 0.54, 0.50, 0.55), 0.93, 0.0),
    "paper": Material((0.82, 0.82, 0.80, 0.84), 0.93, 0.03),  # [Wolfe]
    "glossy_paper": Material((0.84, 0.84, 0.82, 0.86), 0.92, 0.22),
    "screen": Material((0.012, 0.012, 0.013, 0.035), 0.92, 0.45),  # cover glass over an unlit panel
    "device_body": Material((0.03, 0.03, 0.03, 0.08), 0.92, 0.12),
    "resin": Material((0.62, 0.47, 0.38, 0.68), 0.93, 0.14),
    "silicone": Material(
        (0.55, 0.38, 0.30, 0.72), 0.95, 0.08
    ),  # pigmented silicone; brighter than skin at 850 nm
    "clear_plastic": Material(
        (0.06, 0.06, 0.06, 0.07), 0.92, 0.38
    ),  # transparent below 2 µm, opaque in the thermal
    "mannequin": Material((0.66, 0.54, 0.46, 0.70), 0.92, 0.18),
    "spectacle_lens": Material((0.02, 0.02, 0.02, 0.02), 0.90, 0.55),
    "frame": Material((0.04, 0.035, 0.03, 0.06), 0.93, 0.15),
}
