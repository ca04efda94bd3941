; SPDX-License-Identifier: GPL-3.0-or-later
; The demo inside GIMP: Generate Image, then Partially Denoise Selection on before.png, in the present
; folder. demo.sh defines demo-model, demo-made, demo-changed and demo-t, and makes noise.png: the whole
; photograph at that noise level, with the noise that the plug-in draws.

(define (demo-seconds since)
  (let ((now (gettimeofday)))
    (+ (- (car now) (car since)) (/ (- (cadr now) (cadr since)) 1000000.0))))

(define (demo-say what since)
  (display (string-append "demo: " what " took " (number->string (/ (round (* 10 (demo-seconds since))) 10)) " s"))
  (newline))

(define (demo-generate)
  (let ((image (car (gimp-image-new 256 256 RGB)))
        (began (gettimeofday)))
    (plug-in-diffusion-generate #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (vector)
                                #:model demo-model #:class demo-made #:width 256 #:height 256 #:seed 7
                                #:tile-horizontal TRUE #:tile-vertical TRUE)
    (demo-say "Generate Image" began)
    (gimp-file-save RUN-NONINTERACTIVE image "generated.png")
    (gimp-image-delete image)))

; The bank on which the otter stands.
(define (demo-select image)
  (gimp-context-set-feather TRUE)
  (gimp-context-set-feather-radius 8 8)
  (gimp-image-select-polygon image CHANNEL-OP-REPLACE
    #(0 325  150 300  270 292  330 303  350 312  440 330  540 345  590 348  560 380  500 400  470 432  0 432)))

; The photograph with noise.png where it is selected.
(define (demo-noised)
  (let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "before.png")))
         (layer (car (gimp-file-load-layer RUN-NONINTERACTIVE image "noise.png"))))
    (demo-select image)
    (gimp-image-insert-layer image layer 0 -1)
    (gimp-layer-add-mask layer (car (gimp-layer-create-mask layer ADD-MASK-SELECTION)))
    (gimp-file-save RUN-NONINTERACTIVE image "noised.png")
    (gimp-image-delete image)))

(define (demo-denoise)
  (let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "before.png")))
         (layers (car (gimp-image-get-layers image))))
    (demo-select image)
    (let ((began (gettimeofday)))
      (plug-in-diffusion-denoise #:run-mode RUN-NONINTERACTIVE #:image image #:drawables layers
                                 #:model demo-model #:class demo-changed #:start-t demo-t #:seed 7)
      (demo-say "Partially Denoise Selection" began))
    (gimp-file-save RUN-NONINTERACTIVE image "after.png")
    (gimp-image-delete image)))

(demo-generate)
(demo-noised)
(demo-denoise)
