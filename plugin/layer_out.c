/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layer_out: see layer_out.h. Routes, by experiment with GIMP 3.0.4:
 * - blend: target into the shadow buffer, merge_shadow: GIMP mixes by the selection, in linear light, one undo step.
 * - noise-level: merging the *original* pixels records the undo step and changes nothing; a direct write of the new
 *   pixels follows. The direct write alone would have no undo; it also ignores locks and switched-off
 *   components, which therefore are kept here. */
#include "layer_out.h"

#include <string.h>

#include "recipe.h"
#include "selection.h"

static char *
selection_checksum (GimpDrawable *drawable, const df_rect *instead, const df_rect *rect)
{
  float *mask = selection_read (drawable, instead, rect);
  char  *sum  = g_compute_checksum_for_data (G_CHECKSUM_MD5, (const guchar *) mask,
                                             (gsize) rect->width * rect->height * sizeof *mask);

  g_free (mask);
  return sum;
}

char *
layer_checksum (GimpDrawable *drawable, const Babl *format, const df_rect *rect)
{
  GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);
  gsize       size   = (gsize) rect->width * rect->height * babl_format_get_bytes_per_pixel (format);
  guchar     *pixels = g_malloc (size);
  char       *sum;

  gegl_buffer_get (buffer, GEGL_RECTANGLE (rect->x, rect->y, rect->width, rect->height), 1.0, format, pixels,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  sum = g_compute_checksum_for_data (G_CHECKSUM_MD5, pixels, size);
  g_free (pixels);
  g_object_unref (buffer);
  return sum;
}

layer_state
layer_remember (GimpDrawable *drawable, const df_rect *bounds, const df_rect *instead)
{
  layer_state s = { .drawable = drawable, .bounds = *bounds, .instead = *instead };

  s.name   = gimp_item_get_name (GIMP_ITEM (drawable));
  s.width  = gimp_drawable_get_width (drawable);
  s.height = gimp_drawable_get_height (drawable);
  s.format = gimp_drawable_get_format (drawable);
  gimp_drawable_get_offsets (drawable, &s.offset_x, &s.offset_y);
  s.selection = selection_checksum (drawable, instead, bounds);
  s.pixels    = layer_checksum (drawable, s.format, bounds);
  return s;
}

gboolean
layer_unchanged (const layer_state *s)
{
  df_rect  bounds;
  int      x, y;
  char    *selection, *pixels;
  gboolean same;

  if (!gimp_item_is_valid (GIMP_ITEM (s->drawable)) || !selection_bounds (s->drawable, &s->instead, &bounds))
    return FALSE;
  gimp_drawable_get_offsets (s->drawable, &x, &y);
  if (gimp_drawable_get_width (s->drawable) != s->width || gimp_drawable_get_height (s->drawable) != s->height ||
      gimp_drawable_get_format (s->drawable) != s->format || x != s->offset_x || y != s->offset_y || memcmp (&bounds, &s->bounds, sizeof bounds) != 0)
    return FALSE;
  selection = selection_checksum (s->drawable, &s->instead, &bounds);
  pixels    = layer_checksum (s->drawable, s->format, &bounds);
  same      = strcmp (selection, s->selection) == 0 && strcmp (pixels, s->pixels) == 0;
  g_free (selection);
  g_free (pixels);
  return same;
}

void
layer_forget (layer_state *s)
{
  g_clear_pointer (&s->name, g_free);
  g_clear_pointer (&s->selection, g_free);
  g_clear_pointer (&s->pixels, g_free);
}

/* ------------------------------------------------------------------ native pixels */

/* Which components of the native format are left alone. */
static void
kept_components (const layer_state *s, const region *r, gboolean keep[4])
{
  GimpImage *image  = gimp_item_get_image (GIMP_ITEM (s->drawable));
  int        count  = babl_format_get_n_components (r->native);
  gboolean   grey   = count <= 2;
  gboolean   alpha  = gimp_drawable_has_alpha (s->drawable);

  for (int c = 0; c < 4; c++)
    keep[c] = FALSE;
  for (int c = 0; c < (grey ? 1 : 3); c++)
    keep[c] = !gimp_image_get_component_active (image, grey ? GIMP_CHANNEL_GRAY : GIMP_CHANNEL_RED + c);
  if (alpha)
    keep[count - 1] = r->channels != 4 || gimp_layer_get_lock_alpha (GIMP_LAYER (s->drawable)) ||
                      !gimp_image_get_component_active (image, GIMP_CHANNEL_ALPHA);
}

/* The part `bounds` of the window in the native format; g_free. */
static guint8 *
native_pixels (const layer_state *s, const region *r, const float *result)
{
  const df_rect *b   = &s->bounds;
  gsize          n   = (gsize) b->width * b->height;
  float         *cut = g_new (float, 4 * n);
  guint8        *out = g_malloc (n * babl_format_get_bytes_per_pixel (r->native));
  const Babl    *own = babl_format_with_space ("RGBA float", r->native);

  for (int y = 0; y < b->height; y++)
    memcpy (cut + 4 * (gsize) y * b->width,
            result + 4 * (((gsize) (b->y - r->window.y) + y) * r->window.width + (b->x - r->window.x)),
            4 * (gsize) b->width * sizeof *cut);
  babl_process (babl_fish (babl_format ("RGBA float"), own), cut, cut, (glong) n);
  babl_process (babl_fish (own, r->native), cut, out, (glong) n);
  g_free (cut);
  return out;
}

/* `pixels` become the new ones where mask > 0, but for kept components. */
static void
compose (const layer_state *s, const region *r, guint8 *pixels, const guint8 *fresh, const float *mask)
{
  gsize    bytes = babl_format_get_bytes_per_pixel (r->native);
  int      count = babl_format_get_n_components (r->native);
  gsize    size  = bytes / count;
  gboolean keep[4];

  kept_components (s, r, keep);
  for (gsize i = 0; i < (gsize) s->bounds.width * s->bounds.height; i++)
    for (int c = 0; c < count && mask[i] > 0.0f; c++)
      if (!keep[c])
        memcpy (pixels + i * bytes + c * size, fresh + i * bytes + c * size, size);
}

/* ------------------------------------------------------------------ replace */

/* Without a selection GIMP merges the whole shadow, which is empty at first. */
static void
merge_pixels (const layer_state *s, const region *r, GeglBuffer *buffer, const guint8 *pixels)
{
  const df_rect *b      = &s->bounds;
  GeglBuffer    *shadow = gimp_drawable_get_shadow_buffer (s->drawable);

  if (s->instead.width > 0)
    gegl_buffer_copy (buffer, NULL, GEGL_ABYSS_NONE, shadow, NULL);
  gegl_buffer_set (shadow, GEGL_RECTANGLE (b->x, b->y, b->width, b->height), 0, r->native, pixels,
                   GEGL_AUTO_ROWSTRIDE);
  g_object_unref (shadow);
  gimp_drawable_merge_shadow (s->drawable, TRUE);
  gimp_drawable_free_shadow (s->drawable);     /* GIMP 3.0 would, at the end, even of a layer that is gone by then: a crash */
}

void
layer_replace (const layer_state *s, const region *r, const float *result, const float *mask, gboolean blend,
               const char *recipe)
{
  const df_rect *b      = &s->bounds;
  GimpImage     *image  = gimp_item_get_image (GIMP_ITEM (s->drawable));
  GeglRectangle  rect   = { b->x, b->y, b->width, b->height };
  GeglBuffer    *buffer = gimp_drawable_get_buffer (s->drawable);
  guint8        *before = g_malloc ((gsize) b->width * b->height * babl_format_get_bytes_per_pixel (r->native));
  guint8        *fresh  = native_pixels (s, r, result), *after;

  gegl_buffer_get (buffer, &rect, 1.0, r->native, before, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  after = g_memdup2 (before, (gsize) b->width * b->height * babl_format_get_bytes_per_pixel (r->native));
  compose (s, r, after, fresh, mask);

  gimp_image_undo_group_start (image);
  merge_pixels (s, r, buffer, blend ? after : before);
  recipe_attach (GIMP_ITEM (s->drawable), recipe);
  gimp_image_undo_group_end (image);
  if (!blend)
    gegl_buffer_set (buffer, &rect, 0, r->native, after, GEGL_AUTO_ROWSTRIDE);
  g_object_unref (buffer);
  gimp_drawable_update (s->drawable, b->x, b->y, b->width, b->height);
  gimp_displays_flush ();
  g_free (before);
  g_free (after);
  g_free (fresh);
}

/* ------------------------------------------------------------------ new layers */

static GimpLayer *
empty_layer (GimpImage *image, const char *name, const df_rect *place, GError **error)
{
  GimpImageType type  = gimp_image_get_base_type (image) == GIMP_GRAY ? GIMP_GRAYA_IMAGE : GIMP_RGBA_IMAGE;
  GimpLayer    *layer = gimp_layer_new (image, name, place->width, place->height, type, 100.0,
                                        gimp_image_get_default_new_layer_mode (image));

  if (layer == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "GIMP could not make a new layer of %d × %d.", place->width,
                 place->height);
  else
    gimp_layer_set_offsets (layer, place->x, place->y);
  return layer;
}

GimpLayer *
layer_from_rgba (GimpImage *image, const char *name, const df_rect *place, const float *rgba, GError **error)
{
  GimpLayer  *layer = empty_layer (image, name, place, error);
  GeglBuffer *buffer;

  if (layer == NULL)
    return NULL;
  buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (layer));
  gegl_buffer_set (buffer, GEGL_RECTANGLE (0, 0, place->width, place->height), 0, babl_format ("R'G'B'A float"), rgba,
                   GEGL_AUTO_ROWSTRIDE);
  g_object_unref (buffer);
  return layer;
}

GimpLayer *
layer_beside (GimpImage *image, const layer_state *s, const region *r, const float *result, const float *mask,
              gboolean blend, GimpLayer *group, const char *name, const char *recipe, GError **error)
{
  const df_rect *b     = &s->bounds;
  df_rect        place = { b->x + s->offset_x, b->y + s->offset_y, b->width, b->height };
  GimpLayer     *layer = empty_layer (image, name, &place, error);
  float         *rgba;
  GeglBuffer    *buffer;

  if (layer == NULL)
    return NULL;
  rgba = g_new (float, 4 * (gsize) b->width * b->height);
  for (int y = 0; y < b->height; y++)
    for (int x = 0; x < b->width; x++)
      {
        gsize  at   = (gsize) y * b->width + x;
        float *to   = rgba + 4 * at;

        memcpy (to, result + 4 * (((gsize) (b->y - r->window.y) + y) * r->window.width + (b->x - r->window.x) + x),
                4 * sizeof *to);
        to[3] *= blend ? mask[at] : mask[at] > 0.0f ? 1.0f : 0.0f;
      }
  buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (layer));
  gegl_buffer_set (buffer, GEGL_RECTANGLE (0, 0, b->width, b->height), 0, babl_format ("RGBA float"), rgba,
                   GEGL_AUTO_ROWSTRIDE);
  g_object_unref (buffer);
  g_free (rgba);
  gimp_image_undo_group_start (image);
  gimp_image_insert_layer (image, layer, group, group != NULL ? 0 : -1);
  recipe_attach (GIMP_ITEM (layer), recipe);
  gimp_image_undo_group_end (image);
  gimp_displays_flush ();
  return layer;
}
