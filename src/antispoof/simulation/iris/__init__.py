"""Simulated near-infrared pictures of eyes, bona fide and attack instruments; nobody's data are in them.

`person` draws an eye, `texture` its iris, `lids` the skin around it, `lashes` the hair; `scene` puts them
before a sensor in millimetres (`view`), `sensors` holds the families of cameras with their lamps, and takes
the ONE picture that bona fide and attack share; each instrument is one file of `instruments`. Sizes of the
eye follow published means (iris 11 to 13 mm across, pupil 2 to 8 mm); everything else is drawn from wide,
stated ranges, so that no sensor and no instrument is imitated by name.
"""
