/* SPDX-License-Identifier: GPL-3.0-or-later */
/* library: the Model Library dialog: what is installed, with pictures and cards; import, delete, open the folder. */
#ifndef UI_LIBRARY_H
#define UI_LIBRARY_H

/* Shows the dialog until it is closed. */
void library_run (void);

#endif
