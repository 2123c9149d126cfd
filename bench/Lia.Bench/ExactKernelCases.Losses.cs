using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Linear;
using Lia.Kernels.Losses;
using Lia.Kernels.MotionBasis;
using Lia.Kernels.Optimizers;

namespace Lia.Bench;

/// <content>Training: linear layers, the motion basis, losses and updates, of a batch at 256.</content>
internal sealed partial class ExactKernelCases
{
    private void LinearGradients(int inputs, int outputs, int frames)
    {
        ScaledLinearArguments forward = new()
        {
            Layer = new()
            {
                Input = Upload(frames * inputs),
                Weights = Upload(outputs * inputs),
                Bias = Upload(outputs),
                Output = Allocate<float>(frames * outputs),
                Frames = frames,
                Inputs = inputs,
                Outputs = outputs,
                InputStride = inputs,
            },
            Scale = 0.1f,
            BiasScale = 1f,
        };
        Add($"{nameof(LinearKernel)}_{nameof(LinearKernel.RunScaled)}", loader => LinearKernel.PrepareScaled(loader, forward),
            forward.Layer.Output);

        // dW, db, dx and the sum of its parts.
        LinearGradientArguments backward = new()
        {
            Input = forward.Layer.Input,
            OutputGradient = Upload(frames * outputs),
            Weights = forward.Layer.Weights,
            InputGradient = Allocate<float>(frames * inputs),
            WeightGradient = Allocate<float>(outputs * inputs),
            BiasGradient = Allocate<float>(outputs),
            Workspace = Upload((int)LinearGradient.WorkspaceLength(frames, inputs, outputs)),
            Frames = frames,
            Inputs = inputs,
            Outputs = outputs,
            InputStride = inputs,
            OutputGradientStride = outputs,
            InputGradientStride = inputs,
            Scale = 0.1f,
            BiasScale = 1f,
        };
        Add($"{nameof(LinearGradient)}_{nameof(LinearGradient.RunProduct)}", loader => LinearGradient.Prepare(loader, backward)[0],
            backward.WeightGradient);
        Add($"{nameof(LinearGradient)}_{nameof(LinearGradient.RunBias)}", loader => LinearGradient.Prepare(loader, backward)[1],
            backward.BiasGradient);
        LinearGradientArguments parts = backward with { Workspace = Upload((int)backward.Workspace.Length) };
        Add($"{nameof(LinearGradient)}_{nameof(LinearGradient.RunReduction)}", loader => LinearGradient.Prepare(loader, parts)[3],
            parts.InputGradient);
    }

    private void Losses(int images)
    {
        foreach (int odd in new[] { 0, 1 })
        {
            int pixels = Of(256 * 256, 20) - odd, values = 3 * images * pixels;
            L1Arguments distance = new()
            {
                Values = Upload(values),
                Targets = Upload(values),
                Gradient = Allocate<float>(values),
                Partials = Allocate<double>(L1.PartialsLength(images, 3, pixels)),
                Frames = images,
                Channels = 3,
                Pixels = pixels,
                Scale = 1f,
            };
            Add($"{nameof(L1)}_{nameof(L1.Run)}_{Access(pixels)}", loader => L1.Prepare(loader, distance).Single(), distance.Gradient);
        }
        LossSumArguments sum = new()
        {
            Partials = Own(_memory.Allocate1D([.. Floats(2048).Select(value => (double)value)])).View,
            Value = Allocate<float>(1),
        };
        Add($"{nameof(LossSum)}_{nameof(LossSum.Run)}", loader => LossSum.Prepare(loader, sum), sum.Value);

        int told = 3 * images * 14;
        SquaredErrorArguments squares = new()
        {
            Values = Upload(told),
            Targets = Upload(told),
            Gradient = Allocate<float>(told),
            Guide = Own(_memory.Allocate1D([1f])).View,
            Value = Allocate<float>(1),
            Scale = 8f,
        };
        Add($"{nameof(SquaredError)}_{nameof(SquaredError.Run)}", loader => SquaredError.Prepare(loader, squares), squares.Gradient);

        int side = Of(256, 20), surface = images * side * side;
        float[] move = [1f, 0.1f, 0f, 0.05f, -0.1f, 1f, 0.02f, 0f, 0f, 0f, 0.1f, 1f];
        SurfaceDistanceArguments surfaces = new()
        {
            Flow = Upload(3 * surface),
            Axis = Own(_memory.Allocate1D([.. Enumerable.Range(0, side).Select(i => 2f * i / (side - 1) - 1f)])).View,
            Depths = Own(_memory.Allocate1D([.. Enumerable.Range(0, surface).Select(i => (byte)(i * 7))])).View,
            PartNumbers = Own(_memory.Allocate1D([.. Enumerable.Range(0, surface).Select(i => (byte)(i / 3 % 3))])).View,
            Moves = Own(_memory.Allocate1D([.. Enumerable.Range(0, 2 * images).SelectMany(_ => move)])).View,
            Places = Allocate<float>(2 * surface),
            Gradient = Allocate<float>(3 * surface),
            Guide = squares.Guide,
            Partials = Allocate<double>(SurfaceDistance.PartialsLength(images, side)),
            Frames = images,
            Size = side,
            Parts = 2,
            Scale = 3f,
        };
        Add($"{nameof(SurfaceDistance)}_{nameof(SurfaceDistance.Run)}", loader => SurfaceDistance.Prepare(loader, surfaces),
            surfaces.Gradient);

        SoftplusMeanArguments softplus = new()
        {
            Input = Upload(2 * images),
            Gradient = Allocate<float>(2 * images),
            Value = Allocate<float>(1),
            Passes = 2,
            Images = images,
            Negated = 1,
            Scale = 1f,
        };
        Add($"{nameof(SoftplusMean)}_{nameof(SoftplusMean.Run)}", loader => SoftplusMean.Prepare(loader, softplus), softplus.Gradient);

        int gradients = 3 * images * Of(256 * 256, 20);
        float[] leading = Floats(gradients);
        BoundedGradientsArguments bounded = new()
        {
            Gradient = Own(_memory.Allocate1D(leading)).View,
            First = Upload(gradients),
            Second = Upload(gradients),
            FirstShare = 0.2f,
            SecondShare = 0.5f,
            Rise = Own(_memory.Allocate1D([1f])).View,
            Partials = Own(_memory.Allocate1D([.. Floats(BoundedGradients.PartialsLength(gradients), 1f, 1f)
                .Select(value => (double)value)])).View,
        };
        BoundedGradientsArguments measured = bounded with { Partials = Allocate<double>(BoundedGradients.PartialsLength(gradients)) };
        Add($"{nameof(BoundedGradients)}_{nameof(BoundedGradients.Measure)}", loader => BoundedGradients.Prepare(loader, measured)[0],
            measured.Partials);
        Add($"{nameof(BoundedGradients)}_{nameof(BoundedGradients.Add)}", loader => BoundedGradients.Prepare(loader, bounded)[1],
            bounded.Gradient, reset: () => bounded.Gradient.CopyFromCPU(_memory.Accelerator.DefaultStream, leading));

        SpectralRow weight = new() { Outputs = Of(128, 4), Inputs = Of(1152, 36) };
        int spectralValues = weight.Outputs * weight.Inputs;
        float[] lefts = Floats(weight.Outputs), gradient = Floats(spectralValues);
        SpectralNormArguments spectral = new()
        {
            Values = Upload(spectralValues),
            Normalized = Allocate<float>(spectralValues),
            Gradients = Own(_memory.Allocate1D(gradient)).View,
            Lefts = Own(_memory.Allocate1D(lefts)).View,
            Rights = Upload(weight.Inputs),
            Norms = Own(_memory.Allocate1D([1f])).View,
            Rows = Own(_memory.Allocate1D([weight])).View,
        };
        SpectralNormArguments back = spectral with { Lefts = Upload(weight.Outputs), Norms = Own(_memory.Allocate1D([1f])).View };
        Add($"{nameof(SpectralNorm)}_{nameof(SpectralNorm.Run)}", loader => SpectralNorm.Prepare(loader, spectral), spectral.Normalized,
            reset: () => spectral.Lefts.CopyFromCPU(_memory.Accelerator.DefaultStream, lefts));
        Add($"{nameof(SpectralNorm)}_{nameof(SpectralNorm.Back)}", loader => SpectralNorm.PrepareGradient(loader, back), back.Gradients,
            reset: () => back.Gradients.CopyFromCPU(_memory.Accelerator.DefaultStream, gradient));

        foreach (int odd in new[] { 0, 1 })
        {
            int channels = Of(512, 8) - odd, pixels = Of(16, 4) - odd;
            MinibatchDeviationArguments deviation = new()
            {
                Input = Upload(2 * images * pixels * channels),
                Output = Allocate<float>(2 * images * pixels * (channels + 1)),
                OutputGradient = Upload(2 * images * pixels * (channels + 1)),
                Gradient = Allocate<float>(2 * images * pixels * channels),
                Passes = 2,
                Images = images,
                Pixels = pixels,
                Channels = channels,
            };
            Add($"{nameof(MinibatchDeviation)}_{nameof(MinibatchDeviation.Run)}_{Access(pixels * channels)}",
                loader => MinibatchDeviation.Prepare(loader, deviation), deviation.Output);
            Add($"{nameof(MinibatchDeviation)}_{nameof(MinibatchDeviation.RunGradient)}_{Access(pixels * channels)}",
                loader => MinibatchDeviation.PrepareGradient(loader, deviation), deviation.Gradient);
        }
    }

    private void Perception(int images)
    {
        foreach (int odd in new[] { 0, 1 })
        {
            int channels = Of(64, 8) - odd, side = Of(256, 4);
            MaxPoolArguments pool = new()
            {
                Input = Upload(images * side * side * channels),
                Output = Allocate<float>(images * side * side / 4 * channels),
                OutputGradient = Upload(images * side * side / 4 * channels),
                Gradient = Allocate<float>(images * side * side * channels),
                Frames = images,
                Height = side,
                Width = side,
                Channels = channels,
            };
            Add($"{nameof(MaxPool)}_{nameof(MaxPool.Run)}_{Access(channels)}", loader => MaxPool.Prepare(loader, pool), pool.Output);
            Add($"{nameof(MaxPool)}_{nameof(MaxPool.RunGradient)}_{Access(channels)}", loader => MaxPool.PrepareGradient(loader, pool),
                pool.Gradient);

            VggInputArguments picture = new()
            {
                Input = Upload(3 * images * side * side, 1.2f),
                Output = Allocate<float>(images * side * side * (4 - odd)),
                OutputGradient = Upload(images * side * side * (4 - odd)),
                Gradient = Allocate<float>(3 * images * side * side),
                Frames = images,
                Pixels = side * side,
                Channels = 4 - odd,
            };
            Add($"{nameof(VggInput)}_{nameof(VggInput.Run)}_{Access(4 - odd)}", loader => VggInput.Prepare(loader, picture),
                picture.Output);
            Add($"{nameof(VggInput)}_{nameof(VggInput.RunGradient)}_{Access(4 - odd)}",
                loader => VggInput.PrepareGradient(loader, picture), picture.Gradient);
        }
        (int size, int factor) = Of((256, 8), (18, 4));
        int level = AntiAlias.LevelSize(size, factor);
        AntiAliasArguments pyramid = new()
        {
            Input = Upload(3 * images * size * size),
            Output = Allocate<float>(3 * images * level * level),
            OutputGradient = Upload(3 * images * level * level),
            Gradient = Allocate<float>(3 * images * size * size),
            Taps = Own(_memory.Allocate1D(AntiAlias.Taps(factor))).View,
            Images = 3 * images,
            Height = size,
            Width = size,
            Factor = factor,
        };
        Add($"{nameof(AntiAlias)}_{nameof(AntiAlias.Run)}", loader => AntiAlias.Prepare(loader, pyramid), pyramid.Output);
        Add($"{nameof(AntiAlias)}_{nameof(AntiAlias.RunGradient)}", loader => AntiAlias.PrepareGradient(loader, pyramid),
            pyramid.Gradient);
    }

    private void BasisGradients(HouseholderQrArguments basis)
    {
        int size = basis.Rows * basis.Columns;
        QrGradientArguments gradient = new()
        {
            Input = basis.Input,
            Basis = Own(_memory.Allocate1D([.. Floats(size).Select(value => (double)value)])).View,
            BasisGradient = Upload(size),
            Workspace = Own(_memory.Allocate1D([.. Floats((int)QrGradient.WorkspaceLength(basis.Rows, basis.Columns), 1f, 3f)
                .Select(value => (double)value)])).View,
            Gradient = Allocate<float>(size),
            Rows = basis.Rows,
            Columns = basis.Columns,
        };
        QrGradientArguments rows = gradient with
        {
            Workspace = Own(_memory.Allocate1D([.. Floats((int)gradient.Workspace.Length, 1f / basis.Columns, 1f)
                .Select(value => (double)value)])).View,
        };
        Add($"{nameof(QrGradient)}_{nameof(QrGradient.RunProducts)}", loader => QrGradient.Prepare(loader, gradient)[0],
            gradient.Workspace);
        Add($"{nameof(QrGradient)}_{nameof(QrGradient.RunRows)}", loader => QrGradient.Prepare(loader, rows)[1], rows.Gradient);
    }

    private void Updates(int length)
    {
        AdamArguments adam = new()
        {
            Parameters = Upload(length),
            Gradients = Upload(length),
            First = Upload(length),
            Second = Upload(length, 1f, 1f),
            Rates = Own(_memory.Allocate1D([AdamRates.Of(1e-3, 0, 0.992, 1e-8, 1)])).View,
        };
        Add($"{nameof(Adam)}_{nameof(Adam.Run)}", loader => Adam.Prepare(loader, adam), adam.First);
        AverageArguments average = new()
        {
            Averages = Upload(length),
            Parameters = adam.Gradients,
            Share = Own(_memory.Allocate1D([1f])).View,
        };
        Add($"{nameof(Average)}_{nameof(Average.Run)}", loader => Average.Prepare(loader, average), average.Averages);

        float[] values = Floats(length);
        values[length / 2] = float.NaN;
        FiniteSearchArguments search =
            new() { Values = Own(_memory.Allocate1D(values)).View, Index = Own(_memory.Allocate1D([length])).View };
        FiniteSearchArguments reset = search with { Index = Allocate<int>(1) };
        Add($"{nameof(FiniteSearch)}_{nameof(FiniteSearch.Reset)}", loader => FiniteSearch.Prepare(loader, reset)[0], reset.Index);
        Add($"{nameof(FiniteSearch)}_{nameof(FiniteSearch.Run)}", loader => FiniteSearch.Prepare(loader, search)[1], search.Index);
    }
}
