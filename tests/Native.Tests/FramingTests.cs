using Lia.Animation.Framing;

namespace Lia.Tests;

/// <summary>What part of a picture is animated, and how it goes back.</summary>
public class FramingTests
{
    private static readonly RgbImage[] Driving = [.. Enumerable.Range(0, 4).Select(i => Pictures.Noise(120, 90, i))];

    private static Animator Animator() => new FakeExecutor(64).Animator();

    /// <summary>A box of a picture, pixel by pixel.</summary>
    private static RgbImage Cut(RgbImage image, PixelBox box)
    {
        RgbImage part = new(box.Width, box.Height);
        for (int y = 0; y < box.Height; y++)
            image.Pixels.AsSpan(3 * ((box.Y + y) * image.Width + box.X), 3 * box.Width).CopyTo(part.Pixels.AsSpan(3 * y * box.Width));
        return part;
    }

    [Theory]
    [InlineData(Fit.Crop, 10, 20, 50, 60)]
    [InlineData(Fit.Stretch, 0, 0, 33, 80)]
    [InlineData(Fit.Pad, 30, 5, 70, 40)]
    [InlineData(Fit.Crop, 99, 79, 1, 1)]
    public void A_crop_animates_what_the_cut_out_picture_would(Fit fit, int x, int y, int width, int height)
    {
        RgbImage source = Pictures.Noise(100, 80, 9);
        PixelBox box = new(x, y, width, height);
        using Animator animator = Animator();
        AnimationOptions options = new() { Fit = fit };
        Assert.Equal(animator.All(Cut(source, box), Driving, options).Pixels(),
            animator.All(source, Driving, options with { Crop = box }).Pixels());
        RgbImage[] driving = [.. Driving.Select(frame => Cut(frame, box))];
        Assert.Equal(animator.All(source, driving, options).Pixels(),
            animator.All(source, Driving, options with { DrivingCrop = box }).Pixels());
    }

    public static MatrixTheoryData<string, bool> CropsBeyond =>
        new(["61,0,40,40", "0,41,40,40", "0,0,101,10", "2147483647,0,1,1", "1,0,2147483647,1"], [false, true]);

    [Theory, MemberData(nameof(CropsBeyond))]
    public void A_crop_beyond_the_picture_is_refused_with_the_pictures_name_and_size(string crop, bool isOfDriving)
    {
        using TempFolder folder = new();
        Pictures.Noise(100, 80, 9).Save(folder["source.png"]);
        Assert.True(PixelBox.TryParse(crop, out PixelBox box));
        AnimationOptions options = isOfDriving ? new() { DrivingCrop = box } : new() { Crop = box };
        using Animator animator = Animator();
        MediaException refusal = Assert.Throws<MediaException>(() =>
            animator.Animate(folder["source.png"], folder["source.png"], folder["out.png"], options));
        Assert.Equal($"{folder["source.png"]}: the crop {box} reaches beyond the picture, which is 100x80.", refusal.Message);
        Assert.Equal(["source.png"], folder.Entries);
    }

    [Fact]
    public void Options_that_make_no_sense_are_refused()
    {
        using Animator animator = Animator();
        foreach (AnimationOptions options in new AnimationOptions[]
        {
            new() { Crop = new(-1, 0, 4, 4) }, new() { Crop = new(0, 0, 0, 4) }, new() { DrivingCrop = new(0, 0, 4, -4) },
            new() { DrivingCrop = new(0, 0, 4, 4), AutoDrivingCrop = true }, new() { PasteBack = true,
                SideBySide = true }, new() { PasteBack = true, Normalization = Normalization.MinMax },
        })
            Assert.Throws<ArgumentException>(() => animator.All(Driving[0], Driving, options));
    }

    [Theory]
    [InlineData("120,40,300,301", true)]
    [InlineData("0,0,1,1", true)]
    [InlineData("0,0,1,0", false)]
    [InlineData("-1,0,1,1", false)]
    [InlineData("1,2,3", false)]
    [InlineData("1,2,3,4,5", false)]
    [InlineData("1,2,3,x", false)]
    [InlineData("", false)]
    public void Boxes_are_read(string text, bool isBox)
    {
        Assert.Equal(isBox, PixelBox.TryParse(text, out PixelBox box));
        if (isBox) Assert.Equal(text, $"{box}");
    }

    /// <summary>
    /// A grey source of 100 and a driving clip that brightens by 40: the fake network makes 0.5 s + s + 40 of it, in levels around 127.5.
    /// Every pixel of the
    /// result can then be told from its distance to the box's edge.
    /// </summary>
    [Theory]
    [InlineData(20, 10, 64, 64, 4)] // feathered on all sides, over 64/16 pixels
    [InlineData(0, 10, 96, 80, 5)] // not on the left and below, where the picture ends
    [InlineData(20, 0, 108, 33, 2)]
    [InlineData(30, 30, 8, 8, 1)]
    public void Pasting_back_fades_into_the_picture_linearly(int x, int y, int width, int height, int feather)
    {
        const int PictureWidth = 128, PictureHeight = 90;
        RgbImage source = new(PictureWidth, PictureHeight);
        source.Pixels.AsSpan().Fill(100);
        using Animator animator = Animator();
        AnimationOptions options = new() { Crop = new(x, y, width, height), Fit = Fit.Stretch };
        RgbImage[] driving = [Pictures.Flat(64, 50, 50, 50), Pictures.Flat(64, 90, 90, 90)];
        int inside = animator.All(source, driving, options)[1].Pixels[0];
        Assert.InRange(inside, 125, 127); // 127.5 + 1.5 (100 - 127.5) + 40

        IReadOnlyList<RgbImage> pasted = animator.All(source, driving, options with { PasteBack = true });
        Assert.Equal((PictureWidth, PictureHeight), (pasted[1].Width, pasted[1].Height));
        for (int row = 0; row < PictureHeight; row++)
        {
            for (int column = 0; column < PictureWidth; column++)
            {
                double weight = column < x || column >= x + width || row < y || row >= y + height ? 0
                    : Ramp(column - x, width, x > 0, x + width < PictureWidth) * Ramp(row - y, height, y > 0, y + height < PictureHeight);
                for (int c = 0; c < 3; c++)
                    Assert.Equal(100 + weight * (inside - 100), pasted[1].Pixels[3 * (row * PictureWidth + column) + c], weight is 0 or 1
                        ? 0 : 0.7);
            }
        }

        double Ramp(int at, int length, bool atStart, bool atEnd) =>
            Math.Min(1, Math.Min(atStart ? (at + 0.5) / feather : 1, atEnd ? (length - at - 0.5) / feather : 1));
    }

    /// <summary>The fit decides what part of the box becomes what part of the square; pasting back undoes just that.</summary>
    [Theory]
    [InlineData(Fit.Crop, 30, 10, 40, 40)]
    [InlineData(Fit.Pad, 20, 10, 60, 40)]
    [InlineData(Fit.Stretch, 20, 10, 60, 40)]
    public void What_is_pasted_is_what_was_cut_out(Fit fit, int x, int y, int width, int height)
    {
        RgbImage source = new(100, 60), still = Pictures.Flat(64, 80, 80, 80);
        // a slope, which resampling keeps
        for (int i = 0; i < source.Pixels.Length; i++) source.Pixels[i] = (byte)(40 + i / 3 % 100 + i / 300);
        using Animator animator = Animator();
        AnimationOptions options = new() { Crop = new(20, 10, 60, 40), Fit = fit, PasteBack = true };
        RgbImage pasted = animator.All(source, [still], options)[0];
        RgbImage square = animator.All(source, [still], options with { PasteBack = false })[0];
        int feather = Math.Min(width, height) / 16;
        for (int row = 0; row < 60; row++)
        {
            for (int column = 0; column < 100; column++)
            {
                int i = 3 * (row * 100 + column);
                int distance = Math.Min(Math.Min(column - x, x + width - 1 - column), Math.Min(row - y, y + height - 1 - row));
                if (distance < 0) Assert.Equal(source.Pixels[i], pasted.Pixels[i]);
                if (distance <= feather + 2) continue; // the edge, and where resampling meets it
                // Where this pixel lies in the square.
                double scale = fit == Fit.Crop ? 64.0 / 40 : 64.0 / 60, top = fit == Fit.Pad ? (64 - 43) / 2 : 0;
                double u = (column - x + 0.5) * scale - 0.5, v = (row - y + 0.5) * (fit == Fit.Stretch ? 64.0 / 40 : fit == Fit.Pad
                    ? 43.0 / 40 : scale) - 0.5 + top;
                Assert.Equal(Bilinear(square, u, v), pasted.Pixels[i], 1.6);
            }
        }

        static double Bilinear(RgbImage image, double x, double y)
        {
            int column = (int)x, row = (int)y;
            double right = x - column, below = y - row;
            double At(int dx, int dy) => image.Pixels[3 * ((row + dy) * image.Width + column + dx)];
            return (At(0, 0) * (1 - right) + At(1, 0) * right) * (1 - below) + (At(0, 1) * (1 - right) + At(1, 1) * right) * below;
        }
    }

    [Fact]
    public void A_source_clip_is_pasted_into_its_own_frames()
    {
        using TempFolder folder = new();
        Ff.Mpeg("-f lavfi -i testsrc2=size=100x80:rate=25 -frames:v 4", folder["source.mp4"]);
        Directory.CreateDirectory(folder["driving"]);
        for (int i = 0; i < 4; i++) Driving[i].Save(folder[$"driving/{i}.png"]);
        using Animator animator = Animator();
        animator.Animate(Source.Clip(folder["source.mp4"]), folder["driving"], folder["out.png"],
            new() { Crop = new(10, 10, 40, 40), PasteBack = true });
        RgbImage[] frames = Frames("out.png"), source = Frames("source.mp4");
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(Cut(source[i], new(50, 0, 50, 80)).Pixels, Cut(frames[i], new(50, 0, 50, 80)).Pixels);
            byte[] alone = animator.All(source[i], [Driving[0], Driving[i]],
                new() { Crop = new(10, 10, 40, 40), PasteBack = true })[1].Pixels;
            Assert.Equal(alone, frames[i].Pixels);
        }

        RgbImage[] Frames(string name) =>
            [.. Ff.Decode(folder[name], "rgb24").Chunk(3 * 100 * 80).Select(pixels => new RgbImage(100, 80, pixels))];
    }

    [Fact]
    public void Frames_of_another_size_cannot_be_pasted_into()
    {
        using Animator animator = Animator();
        RgbImage[] source = [Pictures.Noise(80, 80, 1), Pictures.Noise(81, 80, 2)];
        Assert.Equal(2, animator.All(source, Driving).Count);
        Assert.Contains("the source frames: frame 1 is 81x80, the first 80x80",
            Assert.Throws<MediaException>(() => animator.All(source, Driving, new() { PasteBack = true })).Message);
    }

    /// <summary>A head of 40x60 pixels that nods by 20, in noise of the kind that compression leaves, with a clock in the corner.</summary>
    private static IEnumerable<RgbImage> Nodding(int width, int height, int left, int top)
    {
        Random random = new(3);
        for (int frame = 0; frame < 20; frame++)
        {
            RgbImage image = new(width, height);
            for (int i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(60 + random.Next(7));
            Fill(image, left, top + frame, 40, 60, 200);
            Fill(image, 2, 2, 2, 2, frame % 2 * 200);
            yield return image;
        }

        static void Fill(RgbImage image, int left, int top, int width, int height, int value)
        {
            for (int y = top; y < top + height; y++) image.Pixels.AsSpan(3 * (y * image.Width + left), 3 * width).Fill((byte)value);
        }
    }

    [Theory]
    [InlineData(640, 360, 300, 100)]
    [InlineData(360, 640, 30, 500)]
    [InlineData(200, 120, 150, 10)]
    public void The_square_holds_what_moves_with_a_tenth_around_it(int width, int height, int left, int top)
    {
        PixelBox box = MotionFraming.Find(Nodding(width, height, left, top));
        Assert.Equal(box.Width, box.Height);
        // What changes are the 40 columns of the head and, above and below it, the 19 rows that it nods over: 79 rows in all.
        int cell = (Math.Max(width, height) + 127) / 128;
        Assert.InRange(box.X, 0, left);
        Assert.InRange(box.X + box.Width, left + 40, width);
        Assert.InRange(box.Y, 0, top);
        Assert.InRange(box.Y + box.Height, top + 79, height);
        Assert.InRange(box.Width, (int)(1.2 * (79 - 2 * cell)), (int)Math.Ceiling(1.2 * (79 + 2 * cell)));
    }

    [Fact]
    public void The_square_never_exceeds_the_picture()
    {
        RgbImage[] flicker = [Pictures.Flat(64, 0, 0, 0), Pictures.Flat(64, 255, 255, 255)];
        Assert.Equal(new PixelBox(0, 0, 64, 64), MotionFraming.Find(flicker));
        RgbImage dark = new(150, 50), bright = new(150, 50);
        bright.Pixels.AsSpan().Fill(255);
        Assert.Equal(new PixelBox(50, 0, 50, 50), MotionFraming.Find([dark, bright, dark]));
    }

    [Fact]
    public void Where_nothing_moves_there_is_no_square()
    {
        RgbImage still = Pictures.Noise(64, 64, 1);
        Assert.Contains("the clip: nothing moves in it", Assert.Throws<MediaException>(() => MotionFraming.Find([still, still])).Message);
        Assert.Contains("there is no frame", Assert.Throws<MediaException>(() => MotionFraming.Find([])).Message);
        Assert.Contains("frame 1 is 65x64, the first 64x64",
            Assert.Throws<MediaException>(() => MotionFraming.Find([still, new RgbImage(65, 64)])).Message);
    }

    [Fact]
    public void Motion_is_extracted_from_a_part_of_the_frames_and_pasted_back_for_many()
    {
        using TempFolder folder = new();
        Directory.CreateDirectory(folder["driving"]);
        int number = 0;
        foreach (RgbImage frame in Nodding(200, 120, 150, 10)) frame.Save(folder[$"driving/{number++}.png"]);
        Driving[0].Save(folder["a.png"]);
        Driving[1].Save(folder["b.png"]);
        PixelBox box = MotionFraming.Find(folder["driving"]);
        AnimationOptions options = new() { Crop = new(5, 5, 60, 50), PasteBack = true };
        using Animator animator = Animator();
        byte[][] expected = [.. Driving[..2].Select(source =>
            animator.All(source, Nodding(200, 120, 150, 10), options with { DrivingCrop = box }).Pixels())];

        MotionClip motion = animator.ExtractMotion(folder["driving"], new() { AutoDrivingCrop = true });
        Assert.Equal(expected[0], animator.All(Driving[0], motion, options).Pixels());
        using MemoryStream stream = new();
        AnimationSummary piped = animator.Animate(folder["a.png"], motion, Output.Raw(stream, RawOutput.Rgb24), options);
        Assert.Equal((120, 90, 20), (piped.Width, piped.Height, piped.Frames));
        Assert.Equal(expected[0], stream.ToArray());
        Assert.Contains("no driving frames in it to crop",
            Assert.Throws<ArgumentException>(() => animator.All(Driving[0], motion, new() { DrivingCrop = box })).Message);
        Assert.Contains("no driving frames in it to crop",
            Assert.Throws<ArgumentException>(() => animator.All(Driving[0], motion, new() { AutoDrivingCrop = true })).Message);

        AnimationJob[] jobs = [new(folder["a.png"], folder["a-out.png"]), new(folder["b.png"], folder["b-out.png"])];
        foreach (AnimationJobResult result in animator.AnimateMany(jobs, folder["driving"], false, options with { AutoDrivingCrop = true }))
            Assert.Equal(box, result.Summary!.DrivingCrop);
        for (int i = 0; i < 2; i++) Assert.Equal(expected[i], Ff.Decode(jobs[i].Output, "rgb24"));
    }

    [Fact]
    public async Task A_driving_file_is_framed_by_its_motion_in_the_frames_used()
    {
        using TempFolder folder = new();
        Directory.CreateDirectory(folder["driving"]);
        int number = 0;
        foreach (RgbImage frame in Nodding(640, 360, 300, 100)) frame.Save(folder[$"driving/{number++}.png"]);
        Pictures.Noise(640, 360, 5).Save(folder["driving/20.png"]); // what is not used does not count
        Driving[0].Save(folder["source.png"]);
        using Animator animator = Animator();
        AnimationOptions options = new() { Frames = ..20, AutoDrivingCrop = true };
        PixelBox box = MotionFraming.Find(Nodding(640, 360, 300, 100));
        AnimationSummary summary = animator.Animate(folder["source.png"], folder["driving"], folder["out.png"], options);
        Assert.Equal(box, summary.DrivingCrop);
        byte[] expected = animator.All(Driving[0], Nodding(640, 360, 300, 100), new() { DrivingCrop = box }).Pixels();
        Assert.Equal(expected, Ff.Decode(folder["out.png"], "rgb24"));
        List<RgbImage> frames = [];
        await foreach (RgbImage frame in animator.FramesAsync(folder["source.png"], folder["driving"], options)) frames.Add(frame);
        Assert.Equal(expected, frames.Pixels());
        Assert.Equal(new PixelBox(140, 0, 360, 360), MotionFraming.Find(folder["driving"]));
    }
}
